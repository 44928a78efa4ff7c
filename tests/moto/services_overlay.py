"""Other services. Gaps: moto lacks these lists, and answers HTTP 500: each is answered as empty. Of CloudFormation it knows the
templates of stacks alone, and not those of change sets. A state machine is run, and looked at when it is planned."""

import json
from typing import Any

from moto.bedrockagentcorecontrol.responses import BedrockAgentCoreControlResponse
from moto.cloudformation.responses import CloudFormationResponse
from moto.codebuild.responses import CodeBuildResponse
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException
from moto.stepfunctions.responses import StepFunctionResponse

SAGEMAKER = {
    "list_algorithms": "AlgorithmSummaryList",
    "list_images": "Images",
    "list_inference_components": "InferenceComponents",
    "list_monitoring_schedules": "MonitoringScheduleSummaries",
    "list_pipeline_versions": "PipelineVersionSummaries",
}


GET_TEMPLATE = CloudFormationResponse.get_template


def install() -> None:
    CloudFormationResponse.get_template = _get_template
    BedrockAgentCoreControlResponse.list_harnesses = lambda self: ActionResult({"harnesses": []})
    CodeBuildResponse.list_fleets = lambda self: ActionResult({"fleets": []})
    StepFunctionResponse.list_state_machine_versions = lambda self: ActionResult({"stateMachineVersions": []})
    StepFunctionResponse.validate_state_machine_definition = _validate
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    for operation, members in SAGEMAKER.items():
        setattr(SageMakerResponse, operation, _empty(members))


def _get_template(self: CloudFormationResponse) -> Any:
    name = self._get_param("ChangeSetName")
    if name is None:
        return GET_TEMPLATE(self)
    change_set = self.cloudformation_backend.describe_change_set(change_set_name=name)
    return ActionResult({"TemplateBody": change_set.template})


def _validate(self: StepFunctionResponse) -> Any:
    try:
        AmazonStateLanguageParser.parse(self._get_param("definition"))
    except ASLParserException as error:
        return ActionResult({"result": "FAIL", "diagnostics": [{"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": repr(error)}]})
    return ActionResult({"result": "OK", "diagnostics": []})


def _empty(members: str) -> Any:
    return lambda self: json.dumps({members: []})
