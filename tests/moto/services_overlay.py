"""Other services. Gap: moto lacks these lists, and answers HTTP 500: each is answered as empty."""

import json
from typing import Any

from moto.bedrockagentcorecontrol.responses import BedrockAgentCoreControlResponse
from moto.codebuild.responses import CodeBuildResponse
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.stepfunctions.responses import StepFunctionResponse

SAGEMAKER = {
    "list_algorithms": "AlgorithmSummaryList",
    "list_images": "Images",
    "list_inference_components": "InferenceComponents",
    "list_monitoring_schedules": "MonitoringScheduleSummaries",
    "list_pipeline_versions": "PipelineVersionSummaries",
}


def install() -> None:
    BedrockAgentCoreControlResponse.list_harnesses = lambda self: ActionResult({"harnesses": []})
    CodeBuildResponse.list_fleets = lambda self: ActionResult({"fleets": []})
    StepFunctionResponse.list_state_machine_versions = lambda self: ActionResult({"stateMachineVersions": []})
    for operation, members in SAGEMAKER.items():
        setattr(SageMakerResponse, operation, _empty(members))


def _empty(members: str) -> Any:
    return lambda self: json.dumps({members: []})
