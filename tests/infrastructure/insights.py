"""The part of the language of CloudWatch Logs Insights that the dashboard uses, over lines that are there."""

import re

STATISTICS = {
    "count": lambda values: len(values),
    "sum": lambda values: sum(value or 0 for value in values),
    "max": lambda values: max((value for value in values if value is not None), default=None),
    "latest": lambda values: values[-1] if values else None,
}


def rows(query, lines):
    """The names of the columns, and the rows. `@timestamp` is a number of days; a bin of a day is one."""
    header, found = [], lines
    for command in query.split(" | "):
        word, _, rest = command.partition(" ")
        if word == "filter":
            found = [line for line in found if all(_holds(condition, line) for condition in rest.split(" and "))]
        elif word == "fields":
            header, found = _fields(rest, found)
        elif word == "stats":
            header, found = _stats(rest, found)
        elif word == "sort":
            name, order = rest.split()
            found = sorted(found, key=lambda line: line.get(name) or 0, reverse=order == "desc")
        elif word == "limit":
            found = found[: int(rest)]
        elif word != "SOURCE":
            raise ValueError(command)
    return header, [["" if line.get(name) is None else line[name] for name in header] for line in found]


def _holds(condition, line):
    if present := re.fullmatch(r"ispresent\((\w+)\)", condition):
        return line.get(present[1]) is not None
    name, value = re.fullmatch(r'(\w+) = "(\w+)"', condition).groups()
    return line.get(name) == value


def _fields(listed, lines):
    header, made = [], {}
    for one in re.split(r", (?![^(]*\))", listed):
        if computed := re.fullmatch(r'strcontains\((\w+), "(\w+)"\) as (\w+)', one):
            name, part, alias = computed.groups()
            made[alias] = (name, part)
            header.append(alias)
        else:
            name, _, alias = one.partition(" as ")
            made[alias or name] = (name, None)
            header.append(alias or name)

    def value(line, name, part):
        return line.get(name) if part is None else int(part in line.get(name, ""))

    return header, [{**line, **{alias: value(line, *of) for alias, of in made.items()}} for line in lines]


def _stats(text, lines):
    made, _, by = text.rpartition(" by ")
    keys = ["@timestamp" if key.startswith("bin(") else key for key in by.split(", ")]
    groups = {}
    for line in lines:
        groups.setdefault(tuple(line.get(key, "") for key in keys), []).append(line)
    columns = [re.fullmatch(r"(\w+)\((\w*)\) as (\w+)", one).groups() for one in made.split(", ")]
    header = [*keys, *(alias for _statistic, _field, alias in columns)]
    found = []
    for group, members in groups.items():
        values = {alias: STATISTICS[statistic]([line.get(field) for line in members]) for statistic, field, alias in columns}
        found.append({**dict(zip(keys, group, strict=True)), **values})
    return header, found
