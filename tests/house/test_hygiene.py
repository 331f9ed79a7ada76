"""What the code of the library never does, read from its syntax trees."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "dopafit"
FILES = sorted(HOUSE.rglob("*.py"))

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "compile"}
UNSAFE_METHODS = {
    ("yaml", "load"),
    ("yaml", "full_load"),
    ("yaml", "unsafe_load"),
    ("os", "system"),
    ("os", "popen"),
    ("pd", "eval"),
    ("pd", "read_pickle"),
    ("pandas", "read_pickle"),
}
UNSAFE_KEYWORDS = {"shell", "allow_pickle"}
# everything else under numpy.random works on the state of the whole process
RANDOM = {"default_rng", "Generator", "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM"}
# rooms whose functions users call; elsewhere **values hands named parameters on, all of them used
FACING = {"fit", "check", "compare", "design", "figure", "report", "cli", "__init__.py"}
SENTINELS = {99999, 9999, 999}


def dotted(node: ast.AST) -> str:
    """``np.random.seed`` for the attribute chain of that name, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def unsafe(source: str, *, cli: bool = False) -> list[str]:
    """What a file does and may not, one line each."""
    wrong = []

    def add(node: ast.AST, what: str) -> None:
        wrong.append(f"line {node.lineno}: {what}")

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            names = [module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names]
            for name in names:
                if name.split(".")[0] in UNSAFE_MODULES | {"random"} and not (
                    name == "random" and module
                ):
                    add(node, f"import {name}")
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in UNSAFE_CALLS or (name == "print" and not cli):
                add(node, f"{name}(")
            if tuple(name.rsplit(".", 1)) in UNSAFE_METHODS or name.endswith(".to_pickle"):
                add(node, f"{name}(")
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg in UNSAFE_KEYWORDS and not (
                    isinstance(value, ast.Constant) and value.value is False
                ):
                    add(node, f"{keyword.arg}=")
        elif isinstance(node, ast.Attribute):
            base = dotted(node.value)
            if base in {"np.random", "numpy.random"} and node.attr not in RANDOM:
                add(node, f"{base}.{node.attr}")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant) and node.operand.value in SENTINELS:
                add(node, f"the sentinel -{node.operand.value}")
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            add(node, "a bare except")
        elif isinstance(node, ast.Assert):
            add(node, "assert (it is gone under python -O; raise an error with three parts)")
    return wrong


def unfinished(source: str) -> list[str]:
    """Lines that say that something is still to be done."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError\(\)")
    return [line.strip() for line in source.splitlines() if marks.search(line)]


def is_overload(node: ast.AST) -> bool:
    """Whether a decorator makes the docstring of another definition count."""
    names = [dotted(decorator) for decorator in getattr(node, "decorator_list", [])]
    return any(name.split(".")[-1] in {"overload", "setter", "override"} for name in names)


def front(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    """Public functions, classes and methods, with their dotted names."""
    found = []
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_") or is_overload(node):
                continue
            found.append((node.name, node))
            if isinstance(node, ast.ClassDef):
                found += [(f"{node.name}.{name}", member) for name, member in front(node)]
    return found


def undescribed(source: str) -> list[str]:
    """Public names without a docstring, the module among them."""
    tree = ast.parse(source)
    silent = [] if ast.get_docstring(tree) or not tree.body else ["(the file itself)"]
    return silent + [name for name, node in front(tree) if not ast.get_docstring(node)]


def open_ended(source: str) -> list[str]:
    """Public functions that swallow misspelt arguments."""
    functions = [(name, node) for name, node in front(ast.parse(source)) if hasattr(node, "args")]
    return [name for name, node in functions if node.args.kwarg]


def swallows(function: object) -> bool:
    """Whether a callable takes keyword arguments of any name."""
    kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


def label(path: Path) -> str:
    return str(path.relative_to(HOUSE))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_nothing_unsafe(path):
    assert unsafe(path.read_text("utf-8"), cli=label(path).startswith("cli")) == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_nothing_unfinished(path):
    assert unfinished(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_everything_public_is_described(path):
    assert undescribed(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", [p for p in FILES if label(p).split("/")[0] in FACING], ids=label)
def test_misspelt_arguments_are_not_swallowed(path):
    assert open_ended(path.read_text("utf-8")) == []


def test_the_front_door_swallows_nothing():
    import dopafit

    calls = [getattr(dopafit, name) for name in dopafit.__all__]
    calls += [m for c in calls if isinstance(c, type) for n, m in vars(c).items() if n[0] != "_"]
    # class and static methods are looked at through their wrapper; cached properties take no call
    calls = [getattr(c, "__func__", c) for c in calls]
    assert [c.__qualname__ for c in calls if inspect.isfunction(c) and swallows(c)] == []
    assert swallows(lambda a, **rest: a) and not swallows(lambda a, *, b: a)  # control


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import dump",
        "import random",
        "eval('1')",
        "def f():\n    exec('x = 1')",
        "import yaml\nyaml.load(open('f'))",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "flag = 1\nsubprocess.run('ls', shell=flag)",
        "np.load('f', allow_pickle=True)",
        "frame.to_pickle('f')",
        "np.random.seed(1)",
        "x = numpy.random.normal()",
        "missing = -999",
        "missing = -999.0",
        "print('hello')",
        "import os\nos.system('ls')",
        "try:\n    f()\nexcept:\n    pass",
        "assert x > 0, 'x'",
    ],
)
def test_control_unsafe_code_is_seen(source):
    assert len(unsafe(source)) == 1


def test_control_safe_code_passes():
    source = (
        "from numpy import random\nimport numpy as np\nrng = np.random.default_rng(1)\n"
        "def f(rng: np.random.Generator):\n    yaml.safe_load(t)\n    x = 999\n"
        "    subprocess.run(['ls'], shell=False)\n    value.eval()\n"
    )
    assert unsafe(source) == []
    assert unsafe("print('for the user')", cli=True) == []


def test_control_unfinished_code_is_seen():
    assert unfinished("x = 1  # TODO: later") == ["x = 1  # TODO: later"]
    assert unfinished("# FIXME") and unfinished("raise NotImplementedError()")
    assert unfinished("error(todo='install it')") == []


def test_control_silence_is_seen():
    source = '"""File."""\nclass A:\n    def f(self): ...\n    def _g(self): ...\ndef h(): ...\n'
    assert undescribed(source) == ["A", "A.f", "h"]
    assert undescribed("x = 1") == ["(the file itself)"]
    assert undescribed('"""File."""\ndef f():\n    """Do."""\n    def g(): ...\n') == []


def test_control_an_open_end_is_seen():
    assert open_ended("def f(**kwargs): ...\nclass A:\n    def g(self, **kw): ...") == ["f", "A.g"]
    assert open_ended("def _f(**kwargs): ...\ndef g(a, *, b): ...") == []
