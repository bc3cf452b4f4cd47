"""Databases, tables and data quality rulesets, in the terms of Glue's API."""

from __future__ import annotations

from typing import Any

from local_aws.cloudformation.resource import Context, Properties, Resource


class Database(Resource):
    """AWS::Glue::Database. Ref is its name."""

    properties = frozenset({"CatalogId", "DatabaseInput"})
    replacing = frozenset({"CatalogId"})
    attribute_names = frozenset()

    @classmethod
    def identity(cls, properties: Properties) -> list[Any]:
        """Its catalog and its names."""
        return [*super().identity(properties), properties["DatabaseInput"]["Name"]]

    def create(self, properties: Properties, context: Context) -> None:
        context.call("glue", "create_database", **properties)
        self.physical_resource_id = properties["DatabaseInput"]["Name"]

    def update(self, properties: Properties, context: Context) -> None:
        context.call("glue", "update_database", Name=self.physical_resource_id, **properties)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("glue", "delete_database", Name=self.physical_resource_id)


class Table(Resource):
    """AWS::Glue::Table. Ref is its name, without the database's."""

    properties = frozenset({"CatalogId", "DatabaseName", "TableInput"})
    replacing = frozenset({"CatalogId", "DatabaseName"})
    attribute_names = frozenset()

    @classmethod
    def identity(cls, properties: Properties) -> list[Any]:
        """Its catalog and its names."""
        return [*super().identity(properties), properties["TableInput"]["Name"]]

    def create(self, properties: Properties, context: Context) -> None:
        context.call("glue", "create_table", **properties)
        self.physical_resource_id = properties["TableInput"]["Name"]

    def update(self, properties: Properties, context: Context) -> None:
        context.call("glue", "update_table", **properties)

    def delete(self, properties: Properties, context: Context) -> None:
        database = properties["DatabaseName"]
        context.call("glue", "delete_table", DatabaseName=database, Name=self.physical_resource_id)


class DataQualityRuleset(Resource):
    """AWS::Glue::DataQualityRuleset. Ref is its name."""

    properties = frozenset({"Description", "Name", "Ruleset", "Tags", "TargetTable"})
    replacing = frozenset({"Name"})
    attribute_names = frozenset()

    def create(self, properties: Properties, context: Context) -> None:
        context.call("glue", "create_data_quality_ruleset", **properties)
        self.physical_resource_id = properties["Name"]

    def update(self, properties: Properties, context: Context) -> None:
        name = self.physical_resource_id
        wanted = {key: properties.get(key, "") for key in ("Description", "Ruleset")}
        context.call("glue", "update_data_quality_ruleset", Name=name, **wanted)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("glue", "delete_data_quality_ruleset", Name=self.physical_resource_id)
