"""Every big package has layers of its own, among the import rules."""

import tomllib

from house.source import ROOT, SOURCE

SMALL = 3
"""Modules and packages inside of a package that need no order among themselves but that they make no circle."""

WITHOUT_ORDER = {"sipwright.store.migrations", "sipwright.store.migrations.versions"}
"""What Alembic orders by itself."""


def contracts():
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    return [rule for rule in rules if rule["type"] == "layers"]


def big_packages():
    """The packages with more than a few children."""
    for folder in [SOURCE, *(path for path in SOURCE.rglob("*") if path.is_dir())]:
        children = [
            path
            for path in folder.iterdir()
            if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
        ]
        if len(children) > SMALL:
            yield ".".join(folder.relative_to(SOURCE.parent).parts)


def test_every_big_package_has_layers():
    with_layers = {container for rule in contracts() for container in rule["containers"]}

    assert sorted(set(big_packages()) - with_layers - WITHOUT_ORDER) == []


def test_layers_name_every_file():
    assert [rule["name"] for rule in contracts() if not rule.get("exhaustive")] == []
