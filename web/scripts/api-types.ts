// SPDX-License-Identifier: MIT
// Writes the TypeScript types of src/server/openapi.json to src/api/schema.ts.
import { readFileSync, writeFileSync } from "node:fs";

interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: (string | number)[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}

const NAMES: Record<string, string> = {
  string: "string",
  number: "number",
  integer: "number",
  boolean: "boolean",
  null: "null",
};

function comment(text: string | undefined, indent: string): string {
  return text ? `${indent}/** ${text.replaceAll("*/", "* /")} */\n` : "";
}

function objectType(schema: Schema, indent: string): string {
  if (!schema.properties) {
    const value = schema.additionalProperties;
    return `Record<string, ${typeof value === "object" ? typeOf(value, indent) : "unknown"}>`;
  }
  const required = new Set(schema.required);
  const inner = `${indent}  `;
  const members = Object.entries(schema.properties).map(
    ([name, member]) =>
      `${comment(member.description, inner)}${inner}${name}${required.has(name) ? "" : "?"}: ` +
      `${typeOf(member, inner)};\n`,
  );
  return `{\n${members.join("")}${indent}}`;
}

function one(type: string, schema: Schema, indent: string): string {
  if (type === "object") return objectType(schema, indent);
  if (type === "array") return schema.items ? `(${typeOf(schema.items, indent)})[]` : "unknown[]";
  const name = NAMES[type];
  if (!name) throw new Error(`unknown type '${type}'`);
  return name;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref) return schema.$ref.replace(/^.*\//, "");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => typeOf(part, indent)).join(" & ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.map((part) => typeOf(part, indent)).join(" | ");
  if (!schema.type) return "unknown";
  return [schema.type].flat().map((type) => one(type, schema, indent)).join(" | ");
}

const here = import.meta.dirname;
const api = JSON.parse(readFileSync(`${here}/../../src/server/openapi.json`, "utf8")) as {
  components: { schemas: Record<string, Schema> };
};
const types = Object.entries(api.components.schemas).map(
  ([name, schema]) => `\n${comment(schema.description, "")}export type ${name} = ${typeOf(schema, "")};\n`,
);
writeFileSync(
  `${here}/../src/api/schema.ts`,
  `// SPDX-License-Identifier: MIT\n// Made by scripts/api-types.ts from src/server/openapi.json.\n${types.join("")}`,
);
