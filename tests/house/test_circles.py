"""No files import each other in a circle, nor with the `__init__` of their package, which no contract looks at.

Imports for types count as any other: who can only be read together with another is one file in two places.
"""

import ast
from pathlib import Path

import sipwright

ROOT = Path(sipwright.__file__).parent


def modules():
    """Return every module with its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("sipwright", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports_of(path, package):
    """Return the names that a module imports, anywhere in it: `a.b` for `import a.b`, `from a import b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def graph():
    """Return what each module imports of this project."""
    files = modules()
    arrows = {}
    for name, path in files.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        targets = set()
        for imported in imports_of(path, package):
            targets.add(imported if imported in files else imported.rpartition(".")[0])
        arrows[name] = {target for target in targets if target in files and target != name}
    return arrows


def circles(arrows):
    """Return the groups of modules each of which leads to all others of its group (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(arrows[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in arrows:
        if name not in index:
            visit(name)
    return found


def test_no_files_import_each_other_in_a_circle():
    assert circles(graph()) == []


def test_a_circle_is_found_however_long_it_is():
    arrows = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"f2"}, "f2": {"f"}}

    assert circles(arrows) == [["a", "b", "c"], ["f", "f2"]]


def test_an_import_for_types_is_an_arrow(tmp_path):
    path = tmp_path / "one.py"
    path.write_text("if TYPE_CHECKING:\n    from ..other.two import Two\nimport a.b\nfrom . import three\n")

    assert sorted(imports_of(path, "top.package")) == ["a.b", "top.other.two.Two", "top.package.three"]
