"""What moto's CloudFormation lacks of the resources that a stage's template has: moto keeps the last class of a type.

Aliases, API stages and alarms are not known to it, an API's body is passed over, and a role's policies do not change.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.awslambda.exceptions import UnknownAliasException, UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.cloudformation.parsing import get_model_list, get_model_map, get_name_type_map
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.iam.models import Role, iam_backends

Properties = dict[str, Any]


class _Resource(CloudFormationModel):
    """A resource by ``put`` and ``remove``; ``physical_resource_id`` is what Ref gives."""

    type = ""

    def __init__(self, properties: Properties, account: str, region: str) -> None:
        self.properties, self.account, self.region = properties, account, region
        self.physical_resource_id = self.put()

    def put(self) -> str:
        raise NotImplementedError

    def remove(self) -> None:
        raise NotImplementedError

    def delete(self, _account: str, _region: str) -> None:
        self.remove()

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[misc]
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        return cls({"_name": resource_name, **cloudformation_json["Properties"]}, account_id, region_name)

    @classmethod
    def update_from_cloudformation_json(  # type: ignore[misc]
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        name = original_resource.properties["_name"] if original_resource else new_resource_name
        return cls({"_name": name, **cloudformation_json["Properties"]}, account_id, region_name)


class Alias(_Resource, CloudFormationModel):
    """AWS::Lambda::Alias."""

    def put(self) -> str:
        backend, about = get_backend(self.account, self.region), self.properties
        named = about["Name"], about["FunctionName"]
        try:
            made = backend.update_alias(*named, about["FunctionVersion"], "", "")
        except UnknownAliasException:
            made = backend.create_alias(*named, about["FunctionVersion"], "", "")
        return str(made.arn)

    def remove(self) -> None:
        with suppress(UnknownFunctionException):  # it went first, and took the alias along
            backend = get_backend(self.account, self.region)
            backend.delete_alias(self.properties["Name"], self.properties["FunctionName"])

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::Alias"


class ApiStage(_Resource, CloudFormationModel):
    """AWS::ApiGateway::Stage."""

    def put(self) -> str:
        backend, about = apigateway_backends[self.account][self.region], self.properties
        api, name = about["RestApiId"], about["StageName"]
        backend.get_rest_api(api).stages.pop(name, None)
        deployment = about["DeploymentId"]  # moto gives its own object where a template refers to one
        identity, traced = getattr(deployment, "id", deployment), about.get("TracingEnabled")
        backend.create_stage(api, name, identity, tracing_enabled=traced)
        return str(name)

    def remove(self) -> None:
        backend = apigateway_backends[self.account][self.region]
        if self.properties["RestApiId"] in backend.apis:
            backend.delete_stage(self.properties["RestApiId"], self.properties["StageName"])

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::ApiGateway::Stage"


class Alarm(_Resource, CloudFormationModel):
    """AWS::CloudWatch::Alarm."""

    def put(self) -> str:
        about = self.properties
        cloudwatch_backends[self.account][self.region].put_metric_alarm(
            about["_name"],
            about.get("Namespace", ""),
            about.get("MetricName", ""),
            about["ComparisonOperator"],
            about["EvaluationPeriods"],
            about.get("Period", 0),
            about["Threshold"],
            about.get("Statistic", ""),
            about["AlarmDescription"],
            [],
            about.get("AlarmActions", []),
        )
        return str(about["_name"])

    def remove(self) -> None:
        cloudwatch_backends[self.account][self.region].delete_alarms([self.properties["_name"]])

    @staticmethod
    def cloudformation_name_type() -> str:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"


class Api(_Resource, CloudFormationModel):
    """AWS::ApiGateway::RestApi, with the routes of its body."""

    def put(self) -> str:
        backend, body = apigateway_backends[self.account][self.region], self.properties["Body"]
        known = [one.id for one in backend.apis.values() if one.name == body["info"]["title"]]
        identity = known[0] if known else backend.create_rest_api(body["info"]["title"], "").id
        routes = {"paths": body["paths"], "openapi": "3.0"}
        backend.put_rest_api(identity, routes, False, "overwrite")
        return str(identity)

    def remove(self) -> None:
        apigateway_backends[self.account][self.region].delete_rest_api(self.physical_resource_id)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "RootResourceId"

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::ApiGateway::RestApi"


class RoleThatChanges(_Resource, CloudFormationModel):
    """AWS::IAM::Role, whose inline policies are those of the template, also after an update."""

    def put(self) -> str:
        backend = iam_backends[self.account]["aws"]
        name = self.properties["_name"]
        if all(role.name != name for role in backend.roles.values()):
            Role.create_from_cloudformation_json(name, {"Properties": self.properties}, self.account, self.region)
        role = backend.get_role(name)
        role.policies.clear()
        for policy in self.properties.get("Policies", ()):
            role.put_policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
        return name

    def remove(self) -> None:
        Role.delete_from_cloudformation_json(self.properties["_name"], {}, self.account, self.region)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    def get_cfn_attribute(self, _name: str) -> str:
        return str(iam_backends[self.account]["aws"].get_role(self.properties["_name"]).arn)

    @staticmethod
    def cloudformation_name_type() -> str:
        return "RoleName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::IAM::Role"


def register() -> None:
    """moto looks for its classes once: it has to look again."""
    for known in (get_model_list, get_model_map, get_name_type_map):
        known.cache_clear()
