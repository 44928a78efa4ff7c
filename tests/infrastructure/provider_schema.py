"""Writes down what version 6 of the AWS provider takes of the resources that the module has, for machines without that provider.

    python provider_schema.py FOLDER TYPE... > provider_6.json

FOLDER is the unpacked npm package @cdktn/provider-aws, which is generated from the provider's schema; `make provider-schema` fetches it.
A block is its arguments, by name: whether one is required, or that and the block that it is.
"""

import json
import re
import sys
from pathlib import Path

INTERFACE = re.compile(r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
MEMBER = re.compile(r"#(\w+) \w+#\w+\}.*?readonly \w+(\??): (.+?);", re.DOTALL)
GETTER = re.compile(r"^    get (\w+)\(\)", re.MULTILINE)


def schema(folder: Path, kind: str) -> dict:
    name = kind.removeprefix("data.").replace("aws_", "data-aws-" if kind.startswith("data.") else "", 1).replace("_", "-")
    text = (folder / "lib" / name / "index.d.ts").read_text()
    interfaces = dict(INTERFACE.findall(text))
    [root] = [name for name, _body in INTERFACE.findall(text) if re.search(rf"\b{name} extends cdktn\.TerraformMetaArguments", text)]
    main = text[text.index("extends cdktn.Terraform", text.index(f"class {root.removesuffix('Config')} ")) :]
    return {"arguments": block(interfaces, root), "attributes": sorted({snake(one) for one in GETTER.findall(main) if not one.endswith("Input")})}


def block(interfaces: dict[str, str], name: str) -> dict[str, bool | list]:
    found: dict[str, bool | list] = {}
    for argument, optional, type_ in MEMBER.findall(interfaces[name]):
        inner = next((one for one in re.findall(r"\w+", type_) if one in interfaces), None)
        found[argument] = [not optional, block(interfaces, inner)] if inner else not optional
    return found


def snake(camel: str) -> str:
    return re.sub(r"([A-Z])", lambda letter: f"_{letter[1].lower()}", camel)


if __name__ == "__main__":
    folder, *kinds = sys.argv[1:]
    version = re.search(r"hashicorp/aws provider version ([\d.]+)", (Path(folder) / "README.md").read_text())[1]
    lines = ",\n".join(f" {json.dumps(kind)}: {json.dumps(schema(Path(folder), kind))}" for kind in sorted(kinds))
    print(f'{{"version": "{version}", "resources": {{\n{lines}\n}}}}')
