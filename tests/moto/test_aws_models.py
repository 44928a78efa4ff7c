"""What the program knows of hosts, and of calls to CloudFormation, Lambda and SSM, held against what botocore ships.

`aws_models.json` is what botocore says of both, and the program's own tests hold the program against it. `not_offered.json`
is part of the program: the Regions that do not have a service, by botocore's endpoint data. To write both again:
`python tests/moto/test_aws_models.py`.
"""

import json
import re
from pathlib import Path

import botocore.session
from botocore.awsrequest import prepare_request_dict
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader
from botocore.serialize import create_serializer

from test_service_tables import NAMES, PROJECT

MODELS = Path(__file__).with_name("aws_models.json")
NOT_OFFERED = PROJECT / "src/aws/not_offered.json"
LOADER = Loader()
SESSION = botocore.session.get_session()
PARTITIONS = LOADER.load_data("partitions")
SERVICES = sorted([*NAMES.values(), "cloudformation", "config", "lambda", "service-quotas", "ssm"])
CALLS = {
    "account:ListRegions": {"MaxResults": 50, "NextToken": "next"},
    "cloudformation:DescribeStacks": {"NextToken": "a/b+c=="},
    "cloudformation:GetTemplate": {"StackName": "arn:aws:stack/a", "TemplateStage": "Original"},
    "cloudformation:ListChangeSets": {"StackName": "arn:aws:stack/a", "NextToken": "next"},
    "cloudformation:DescribeChangeSet": {"ChangeSetName": "arn:aws:changeSet/b"},
    "config:SelectResourceConfig": {"Expression": "SELECT arn", "Limit": 100, "NextToken": "a/b+c=="},
    "lambda:ListFunctions": {"FunctionVersion": "ALL", "MaxItems": 50, "Marker": "a/b+c=="},
    "lambda:GetFunction": {"FunctionName": "my-function", "Qualifier": "$LATEST"},
    "organizations:ListAccounts": {"MaxResults": 20, "NextToken": "a/b+c=="},
    "secretsmanager:GetSecretValue": {"SecretId": "ecr-cleanup/webhook"},
    "servicequotas:ListServiceQuotas": {"ServiceCode": "lambda", "MaxResults": 100},
    "ssm:GetParameter": {"Name": "/ecr-cleanup/configuration", "WithDecryption": True},
}


def regions():
    """Of each partition, but for those that stand for all of it."""
    return {
        partition["id"]: [region for region in partition["regions"] if not region.endswith("-global")]
        for partition in PARTITIONS["partitions"]
    }


def suffixes():
    outputs = {partition["id"]: partition["outputs"] for partition in PARTITIONS["partitions"]}
    return {partition: [one["dnsSuffix"], one["dualStackDnsSuffix"]] for partition, one in outputs.items()}


def hosts():
    """What host names begin with: one item for each beginning, with its Regions unless it is the same in all."""
    for service in SERVICES:
        provider = EndpointProvider(LOADER.load_service_model(service, "endpoint-rule-set-1"), PARTITIONS)
        metadata = SESSION.get_service_model(service).metadata
        for fips, dual_stack in [(False, False), (True, False), (False, True), (True, True)]:
            found = {}
            for partition, names in regions().items():
                suffix = suffixes()[partition][dual_stack]
                for region in names:
                    endpoint = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
                    # Signed for the service and the Region, as everywhere.
                    assert not endpoint.properties
                    begin = re.fullmatch(rf"https://(.*)\.{region}\.{re.escape(suffix)}", endpoint.url).group(1)
                    found.setdefault(begin, []).append(region)
            for begin, names in found.items():
                yield {
                    "id": metadata["serviceId"],
                    "prefix": metadata["endpointPrefix"],
                    "fips": fips,
                    "dual_stack": dual_stack,
                    "begin": begin,
                    **({"regions": names} if len(found) > 1 else {}),
                }


def organizations():
    """Of each partition, the Region whose endpoint there is for all, and its hosts: plain, FIPS, dual stack, both."""
    provider = EndpointProvider(LOADER.load_service_model("organizations", "endpoint-rule-set-1"), PARTITIONS)
    found = {}
    for partition, names in regions().items():
        endpoints = [
            [provider.resolve_endpoint(Region=name, UseFIPS=fips, UseDualStack=dual_stack) for name in names]
            for fips, dual_stack in [(False, False), (True, False), (False, True), (True, True)]
        ]
        [signed] = {scheme["signingRegion"] for ones in endpoints for one in ones for scheme in one.properties["authSchemes"]}
        urls = [{one.url for one in ones} for ones in endpoints]
        found[partition] = {"region": signed, "urls": [url for [url] in urls]}
    return found


def not_offered():
    """The Regions without a service. Where the endpoint data does not know the Region, or no Region of the service, it
    says nothing."""
    data = [partition["services"] for partition in LOADER.load_data("endpoints")["partitions"]]

    def offered(prefix):
        return {region for services in data for region in services.get(prefix, {}).get("endpoints", {})}

    known = {region for names in regions().values() for region in names} & offered("api.ecr")
    metadata = [SESSION.get_service_model(service).metadata for service in SERVICES]
    absent = {one["serviceId"]: sorted(known - offered(one["endpointPrefix"])) for one in metadata}
    return {id: names for id, names in absent.items() if names and set(names) != known}


def request(name):
    service, operation = name.split(":")
    model = SESSION.get_service_model("service-quotas" if service == "servicequotas" else service)
    assert model.metadata.get("signingName", model.metadata["endpointPrefix"]) == service
    made = create_serializer(model.metadata["protocol"]).serialize_to_request(
        CALLS[name], model.operation_model(operation)
    )
    prepare_request_dict(made, "https://host")
    answer = {"method": made["method"], "uri": made["url"].removeprefix("https://host"), "body": ""}
    if made["body"]:
        headers = made["headers"]
        # A form is what it says already.
        body = made["body"] if isinstance(made["body"], dict) else json.loads(made["body"])
        answer |= {"body": body, "content_type": headers["Content-Type"]}
        answer |= {"target": headers["X-Amz-Target"]} if "X-Amz-Target" in headers else {}
    return answer


def models():
    return {
        "regions": regions(),
        "suffixes": suffixes(),
        "hosts": list(hosts()),
        "organizations": organizations(),
        "requests": {name: request(name) for name in CALLS},
    }


def table_written():
    """As JSON, each service in a line of its own."""
    lines = [f"  {json.dumps(id)}: {json.dumps(names)}" for id, names in not_offered().items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def written():
    """As JSON, each thing in a line of its own."""
    parts = []
    for name, value in models().items():
        is_list = isinstance(value, list)
        items = [(None, one) for one in value] if is_list else value.items()
        lines = [(f"{json.dumps(key)}: " if key else "") + json.dumps(one) for key, one in items]
        opening, closing = "[]" if is_list else "{}"
        parts.append(f"  {json.dumps(name)}: {opening}\n    " + ",\n    ".join(lines) + f"\n  {closing}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def test_what_the_program_is_held_against_is_what_botocore_says():
    assert json.loads(MODELS.read_text()) == models()


def test_a_service_is_not_offered_where_the_endpoint_data_says_so():
    assert json.loads(NOT_OFFERED.read_text()) == not_offered()
    for id, region in [("AppRunner", "eu-north-1"), ("CodeBuild", "ca-west-1"), ("Lightsail", "us-gov-west-1")]:
        assert region in not_offered()[id]
    # Neither a service nor a Region that the data does not know.
    assert not {"Lambda", "SSM", "Bedrock AgentCore Control"} & not_offered().keys()
    assert all("sa-west-1" not in names for names in not_offered().values())


def test_fields_of_lambda_are_as_its_model_says():
    source = (PROJECT / "src/aws/lambda.rs").read_text()
    structs = re.findall(r'"PascalCase"\)\]\n(?:pub\(crate\) )?struct (\w+) \{(.*?)\n\}', source, re.DOTALL)
    fields = {
        name: {field.title().replace("_", "") for field in re.findall(r"(\w+): Option", body)}
        for name, body in structs
    }
    model = SESSION.get_service_model("lambda")
    page = model.operation_model("ListFunctions").output_shape.members
    function = model.operation_model("GetFunction").output_shape.members
    assert page["Functions"].member.name == function["Configuration"].name
    members = {
        "Listed": page,
        "Function": function,
        "FunctionConfiguration": function["Configuration"].members,
        "FunctionCode": function["Code"].members,
    }
    assert fields.keys() == members.keys()
    for name, known in members.items():
        assert fields[name] and fields[name] <= set(known), name
    assert function["Configuration"].members["PackageType"].enum == ["Zip", "Image"]
    assert "InProgress" in function["Configuration"].members["LastUpdateStatus"].enum
    assert "ResourceNotFoundException" in [error.name for error in model.operation_model("GetFunction").error_shapes]


def test_a_parameter_has_its_value_where_it_is_looked_for():
    answer = SESSION.get_service_model("ssm").operation_model("GetParameter").output_shape
    assert answer.members["Parameter"].members["Value"].type_name == "string"


if __name__ == "__main__":
    MODELS.write_text(written())
    NOT_OFFERED.write_text(table_written())
