"""The project's templates as stacks of an AWS CDK app: included, not repeated.

`python infrastructure/cdk/app.py` writes them to infrastructure/cdk/cdk.out; `cdk synth` does too. A template of
functions names folders; to deploy it by the CDK, package it first and name the result:

    sam build && sam package --resolve-s3 --output-template-file .aws-sam/packaged.yaml
    cdk deploy Switchyard --context template=.aws-sam/packaged.yaml
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from aws_cdk import App, LegacyStackSynthesizer, Stack
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
_SERVERLESS = re.compile(r"^  (\w+):\n    Type: AWS::Serverless::", re.MULTILINE)


class IncludedStack(Stack):
    """A stack of what a template says.

    Parameters
    ----------
    template
        The template's file.
    """

    def __init__(self, scope: Construct, name: str, template: Path) -> None:
        # No assets of the CDK's own are uploaded, so no bootstrap stack is needed.
        super().__init__(scope, name, synthesizer=LegacyStackSynthesizer())
        # The CDK's types of AWS SAM take less than SAM itself does; these resources go through as they are written.
        as_written = _SERVERLESS.findall(template.read_text(encoding="utf-8"))
        self.included = CfnInclude(self, "Template", template_file=str(template), dehydrated_resources=as_written)
        for logical_id in as_written:
            # Another name would be another resource.
            self.included.get_resource(logical_id).override_logical_id(logical_id)


def main() -> None:
    """Synthesize every stack."""
    app = App(outdir=os.environ.get("CDK_OUTDIR", str(HERE / "cdk.out")), analytics_reporting=False)
    IncludedStack(app, "EndpointOneModel", PROJECT / "infrastructure" / "endpoint-one-model.yml")
    IncludedStack(app, "EndpointTwoModels", PROJECT / "infrastructure" / "endpoint-two-models.yml")
    IncludedStack(app, "Switchyard", PROJECT / (app.node.try_get_context("template") or "template.yaml"))
    app.synth()


if __name__ == "__main__":
    main()
