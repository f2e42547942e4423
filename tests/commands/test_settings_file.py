"""The file of settings that ``sipwright init`` writes."""

import re

import pytest
from pydantic import BaseModel

from sipwright.commands.settings_file import write_settings
from sipwright.config import Settings

SECTIONS = {
    name: field.annotation.model_fields
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "sipwright.toml"
    write_settings(path, "sip.example.org", None)
    return path


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_in_its_section(written, section):
    (text,) = re.findall(rf"(?ms)^\[{section}\]$(.*?)(?=^\[|\Z)", written.read_text())

    assert {name for name in SECTIONS[section] if not re.search(rf"\b{name} = ", text)} == set()


def test_a_file_that_is_there_is_left_alone(written):
    written.write_text("# mine\n")
    write_settings(written, "other.example.org", "postgresql://db/x")

    assert written.read_text() == "# mine\n"


def test_only_its_owner_may_read_it(written):
    """There may be passwords in it."""
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_name_of_a_database_is_written_as_toml_has_it(tmp_path):
    write_settings(tmp_path / "sipwright.toml", "sip.example.org", 'postgresql://u:p"\\@db/x')

    assert Settings.load(tmp_path).database.url == 'postgresql://u:p"\\@db/x'
