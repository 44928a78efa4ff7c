"""Lays the Terraform module out as a repository of its own: what it shares with others folded in, and what its files say as READMEs.

    python terraform_module.py FOLDER

The folder is made anew. READMEs of examples and submodules begin with the comment that their main.tf begins with; tables of
variables and outputs stand between the marks that terraform-docs knows.
"""

import re
import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "infra/terraform"
# Parts of the module that nobody uses by themselves.
INTERNAL = {"policy", "settings"}
MARKS = "<!-- BEGIN_TF_DOCS -->\n{}<!-- END_TF_DOCS -->\n"


def pack(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    # Links are followed.
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl"))
    for name in ("CHANGELOG.md", "LICENSE", "config.schema.json"):
        shutil.copy(PROJECT / name, folder)
    examples = sorted((folder / "examples").iterdir())
    for example in examples:
        without_built_files(example / "main.tf")
    for described in [*examples, *(one for one in (folder / "modules").iterdir() if one.name not in INTERNAL)]:
        (described / "README.md").write_text(readme(described))
    listed = "\n".join(f"* [`examples/{one.name}`](examples/{one.name}): {first_sentence(comment(one))}" for one in examples)
    text = (folder / "README.md").read_text().replace("<!-- EXAMPLES -->", listed)
    (folder / "README.md").write_text(text.replace(MARKS.format(""), MARKS.format(tables(folder))))


def without_built_files(file: Path) -> None:
    """What is built is not in the module's repository, so examples have to be told where it is."""
    file.write_text(re.sub(r'^  default += "[./]+/dist/.*\n', "", file.read_text(), flags=re.MULTILINE))


def comment(folder: Path) -> str:
    """The comment that main.tf begins with, as one paragraph."""
    lines = re.match(r"(?:#.*\n)+", (folder / "main.tf").read_text())[0].splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines)


def first_sentence(text: str) -> str:
    return re.split(r"(?<=\.) |:", text)[0].rstrip(".") + "."


def readme(folder: Path) -> str:
    code = re.sub(r"\A(?:#.*\n)+\n", "", (folder / "main.tf").read_text())
    shown = f"```hcl\n{code}```\n\n" if folder.parent.name == "examples" else ""
    return f"# {folder.name.replace('-', ' ').capitalize()}\n\n{comment(folder)}\n\n{shown}{MARKS.format(tables(folder))}"


def tables(folder: Path) -> str:
    text = "".join(file.read_text() for file in sorted(folder.glob("*.tf")))
    inputs = [
        f"| {name} | {cell(says(body, 'description'))} | {code(says(body, 'type'))} | {code(says(body, 'default')) or 'required'} |"
        for name, body in blocks(text, "variable")
    ]
    outputs = [f"| {name} | {cell(says(body, 'description'))} |" for name, body in blocks(text, "output")]
    inputs = ["## Inputs\n", "| name | what it is | type | default |", "| --- | --- | --- | --- |", *inputs, ""] if inputs else []
    outputs = ["## Outputs\n", "| name | what it is |", "| --- | --- |", *outputs, ""] if outputs else []
    return "\n".join([*inputs, *outputs])


def blocks(text: str, kind: str) -> list[tuple[str, str]]:
    """The blocks of a kind, as `terraform fmt` lays them out, by name."""
    return sorted(re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.MULTILINE | re.DOTALL))


def says(body: str, argument: str) -> str:
    """The value of an argument, which may go over several lines: all of what stands deeper than the argument, or closes it."""
    found = re.search(rf"^  {argument} += (.*\n(?:    .*\n|  [])}}]+\n)*)", body, re.MULTILINE)
    return found[1].strip() if found else ""


def cell(text: str) -> str:
    return text.strip('"').replace('\\"', '"').replace("|", "\\|")


def code(text: str) -> str:
    """A type or a default, on one line."""
    flat = re.sub(r"\s+", " ", text).replace("|", "\\|")
    return f"`{flat}`" if flat else ""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    pack(Path(sys.argv[1]))
