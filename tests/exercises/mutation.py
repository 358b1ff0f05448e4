"""Small faults, planted one at a time: what a reader might get wrong, made by the hundred.

Each operator looks at one node of a function's syntax tree and offers what might stand there by
mistake. `mutants` plants every offer in turn. The checks of an exercise should reject them all, bar
those that change nothing a caller could see. A loop of a mutant that never ends is ended.
"""

import ast
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lessons_lib.exercises.engine.declare import source_of

Offers = Iterator[ast.AST]

_CONSTANTS = {  # a number: what may stand in its place
    -2: (-1, 0),
    -1: (-2, 0, 1),
    0: (1, -1),
    1: (0, 2, -1),
    2: (1, 3),
    0.5: (1.0, -0.5, 2.0),
    -0.5: (0.5, -1.0),
}
_TWINS = {  # a name: what it is mistaken for
    "tril": "triu",
    "triu": "tril",
    "max": "min",
    "amax": "amin",
    "sum": "mean",
    "softmax": "log_softmax",
    "ones": "zeros",
    "ones_like": "zeros_like",
    "zeros": "ones",
    "ge": "gt",
}
_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt, ast.GtE),
    ast.LtE: (ast.Lt, ast.GtE, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_MOST_TURNS = 2_000  # of all `while` loops in one call; right answers need up to 900
_COUNT_A_TURN = f"if next(_turns) > {_MOST_TURNS}: raise TimeoutError('a loop without end')"
_REORDERED = {"reshape", "view", "permute", "expand", "repeat"}  # transpose(a, b) is (b, a)
_COUNTERS = {"range", "arange"}
_DROP_PROBABILITIES = {"p", "dropout_p"}
_MEASURES = {"shape", "size", "dtype", "dim"}


@dataclass(frozen=True)
class Mutant:
    """A function with one fault planted.

    Attributes:
        operator: the kind of fault.
        change: the line before and after, such as "a @ b -> a * b".
        source: the whole function with the fault in it.
        function: the same, compiled with the globals of the original.
    """

    operator: str
    change: str
    source: str
    function: Callable


def mutants(function: Callable) -> Iterator[Mutant]:
    """Every mutant of a function, each source once; those equal to the original are left out."""
    tree = ast.parse(source_of(function))
    original = ast.unparse(tree)
    seen = {original}
    for node, put in _places(tree):
        for operator in OPERATORS:
            for offer in operator(node, tree):
                put(offer)
                source = ast.unparse(tree)
                put(node)
                if source not in seen:
                    seen.add(source)
                    name = operator.__name__.replace("_", " ")
                    change = _change(original, source)
                    yield Mutant(name, change, source, compiled(source, function))


def compiled(source: str, like: Callable) -> Callable:
    """A function from its source, with the globals of the one that it stands in for.

    Its `while` loops count their turns, so that an endless one costs milliseconds, on any machine.
    """
    tree = ast.parse(source)
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    for loop in loops:
        loop.body[:0] = ast.parse(_COUNT_A_TURN).body
    if loops:
        tree.body[0].body[:0] = ast.parse("_turns = _from_zero()").body
    scope = {**like.__globals__, "_from_zero": itertools.count}
    code = ast.fix_missing_locations(tree) if loops else source
    with warnings.catch_warnings(action="ignore"):  # a list called, a number with an index
        exec(compile(code, "<mutant>", "exec"), scope)
    return scope[like.__name__]


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, Callable]]:
    """Each node with a function that puts another in its place; the definition's head is left."""
    body = tree.body[0].body
    for number, statement in enumerate(body):
        yield statement, _put_item(body, number)
    for statement in list(body):
        for parent in list(ast.walk(statement)):
            if _constant(parent) is not None:
                continue  # -1 is one number: there is no 1 in it to change
            for field, value in list(ast.iter_fields(parent)):
                if isinstance(value, ast.AST):
                    yield value, _put_field(parent, field)
                elif isinstance(value, list):
                    for number, item in enumerate(value):
                        if isinstance(item, ast.AST):
                            yield item, _put_item(value, number)


def _put_field(parent: ast.AST, field: str) -> Callable:
    return lambda node: setattr(parent, field, node)


def _put_item(items: list, number: int) -> Callable:
    return lambda node: items.__setitem__(number, node)


def _change(before: str, after: str) -> str:
    """The lines that differ, joined: one pair, as a mutant differs in one place."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) != len(new):  # a statement of several lines went
        gone = [line.strip() for line in old if line not in new]
        return f"{gone[0] if gone else old[-1].strip()} -> (dropped)"
    pairs = [(one, other) for one, other in zip(old, new, strict=True) if one != other]
    return " / ".join(f"{one.strip()} -> {other.strip()}" for one, other in pairs)


# --- the operators: (node, tree) -> what may stand in the node's place -------------------------


def other_constant(node, tree) -> Offers:
    """A dimension, a diagonal, an exponent, a bound: another number; True for False."""
    value = _constant(node)
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, float) and value not in _CONSTANTS:
        yield ast.Constant(0.0)
        yield ast.Constant(1.0)
    elif value is not None:
        for other in _CONSTANTS.get(value, (value + 1, value - 1)):
            yield ast.Constant(other)


def other_fill(node, tree) -> Offers:
    """The lowest score or minus infinity becomes 0, or the highest."""
    if isinstance(node, ast.Attribute) and node.attr in {"min", "inf"}:
        yield ast.Constant(0.0)
        yield ast.Constant(-1.0)
        yield ast.UnaryOp(ast.USub(), node)


def dropped_view(node, tree) -> Offers:
    """`x.mT` and `x.T` become `x`."""
    if isinstance(node, ast.Attribute) and node.attr in {"T", "mT"}:
        yield node.value


def dropped_call(node, tree) -> Offers:
    """`x.f(...)` and `torch.f(x, ...)` become `x`."""
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield node.func.value
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield node.args[0]


def dropped_keyword(node, tree) -> Offers:
    """`f(x, dim=-1)` becomes `f(x)`."""
    if isinstance(node, ast.Call):
        for gone in node.keywords:
            rest = [keyword for keyword in node.keywords if keyword is not gone]
            yield ast.Call(node.func, node.args, rest)


def other_arithmetic(node, tree) -> Offers:
    """A scale, an addend or an exponent is dropped; an operation becomes its opposite."""
    if not isinstance(node, ast.BinOp):
        return
    opposite = {ast.Div: ast.Mult, ast.Mult: ast.Div, ast.Add: ast.Sub, ast.Sub: ast.Add}
    opposite |= {ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr}
    yield node.left
    if isinstance(node.op, ast.Add | ast.Mult | ast.MatMult | ast.BitAnd | ast.Sub):
        yield node.right
    if type(node.op) in opposite:
        yield ast.BinOp(node.left, opposite[type(node.op)](), node.right)
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        yield ast.BinOp(node.right, node.op, node.left)


def other_comparison(node, tree) -> Offers:
    """`<` becomes `<=` or `>`; `is not` becomes `is`."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other()], node.comparators)


def other_condition(node, tree) -> Offers:
    """A condition holds always, or never."""
    if isinstance(node, ast.If | ast.IfExp):
        for always in (True, False):
            if isinstance(node, ast.If):
                yield ast.If(ast.Constant(always), node.body, node.orelse)
            else:
                yield ast.IfExp(ast.Constant(always), node.body, node.orelse)


def dropped_sign(node, tree) -> Offers:
    """`~mask` becomes `mask`; `-x` becomes `x`; `not x` becomes `x`."""
    if isinstance(node, ast.UnaryOp):
        yield node.operand


def added_sign(node, tree) -> Offers:
    """`mask` becomes `~mask`."""
    if _is_value(node) and node.id in _argument_names(tree) and "mask" in node.id:
        yield ast.UnaryOp(ast.Invert(), node)


def other_argument(node, tree) -> Offers:
    """`query` becomes `key`: one of the function's own arguments for another."""
    names = _argument_names(tree)
    if _is_value(node) and node.id in names:
        for name in names:
            if name != node.id:
                yield ast.Name(name, ast.Load())


def other_twin(node, tree) -> Offers:
    """`tril` becomes `triu`, `sum` becomes `mean`."""
    if isinstance(node, ast.Attribute) and node.attr in _TWINS:
        yield ast.Attribute(node.value, _TWINS[node.attr], node.ctx)


def swapped_arguments(node, tree) -> Offers:
    """`view(a, b)` becomes `view(b, a)`."""
    if isinstance(node, ast.Call) and _called(node) in _REORDERED:
        for first in range(len(node.args) - 1):
            args = list(node.args)
            args[first], args[first + 1] = args[first + 1], args[first]
            yield ast.Call(node.func, args, node.keywords)


def other_bound(node, tree) -> Offers:
    """`range(n)` becomes `range(n + 1)`, `range(n - 1)` or `range(1, n)`."""
    if isinstance(node, ast.Call) and _called(node) in _COUNTERS and node.args:
        *starts, stop = node.args[:2]
        for operation in (ast.Add(), ast.Sub()):
            moved = ast.BinOp(stop, operation, ast.Constant(1))
            yield ast.Call(node.func, [*starts, moved, *node.args[2:]], node.keywords)
        if not starts:
            yield ast.Call(node.func, [ast.Constant(1), stop], node.keywords)


def kept_for_dropped(node, tree) -> Offers:
    """The probability to keep instead of the one to drop."""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg in _DROP_PROBABILITIES:
                rest = [_kept(one) if one is keyword else one for one in node.keywords]
                yield ast.Call(node.func, node.args, rest)
    if _is_value(node) and node.id in _DROP_PROBABILITIES:
        yield ast.BinOp(ast.Constant(1), ast.Sub(), node)


def cut_gradient(node, tree) -> Offers:
    """`x` becomes `x.detach()`."""
    if not _is_value(node) or _is_measured(node, tree):
        return
    if node.id in {*_argument_names(tree)} | _assigned_names(tree):
        yield ast.Call(ast.Attribute(node, "detach", ast.Load()), [], [])


def swapped_results(node, tree) -> Offers:
    """`return a, b` becomes `return b, a`, and each of the two becomes the other."""
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        first, *rest = node.value.elts
        yield ast.Return(ast.Tuple([*rest, first], ast.Load()))


def dropped_statement(node, tree) -> Offers:
    """A statement is forgotten; of a conditional, also its condition only."""
    if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass):
        yield ast.Pass()


OPERATORS: tuple[Callable[[ast.AST, ast.AST], Offers], ...] = (
    other_constant,
    other_fill,
    dropped_view,
    dropped_call,
    dropped_keyword,
    other_arithmetic,
    other_comparison,
    other_condition,
    dropped_sign,
    added_sign,
    other_argument,
    other_twin,
    swapped_arguments,
    other_bound,
    kept_for_dropped,
    cut_gradient,
    swapped_results,
    dropped_statement,
)


def _constant(node):
    """The number or truth value that a node spells, sign included; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _constant(node.operand)
        return None if inner is None or isinstance(inner, bool) else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return node.value
    return None


def _is_value(node) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _is_module(node) -> bool:
    return isinstance(node, ast.Name) and node.id in {"torch", "functional", "math"}


def _called(node: ast.Call) -> str:
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))


def _kept(keyword: ast.keyword) -> ast.keyword:
    return ast.keyword(keyword.arg, ast.BinOp(ast.Constant(1), ast.Sub(), keyword.value))


def _argument_names(tree: ast.AST) -> list[str]:
    return [argument.arg for argument in tree.body[0].args.args]


def _assigned_names(tree: ast.AST) -> set[str]:
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _is_measured(node: ast.AST, tree: ast.AST) -> bool:
    """Is only the size of this very name asked for, as in `query.size(-1)`?"""
    parents = (parent for parent in ast.walk(tree) if isinstance(parent, ast.Attribute))
    return any(parent.value is node and parent.attr in _MEASURES for parent in parents)
