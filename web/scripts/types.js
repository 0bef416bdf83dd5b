// Makes src/api/types.ts from the JSON Schema on standard input (python -m switchyard.console.schema).
import { readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const schema = JSON.parse(readFileSync(0, "utf8"));
const shapes = Object.keys(schema.$defs);
const unused = { title: "All", type: "object", additionalProperties: false, $defs: schema.$defs };
unused.properties = Object.fromEntries(shapes.map((name) => [name, { $ref: `#/$defs/${name}` }]));
unused.required = shapes;
// A title on every property would become a type of its own.
const bare = JSON.parse(
  JSON.stringify(unused, (key, value) => {
    if (value && typeof value === "object" && !Array.isArray(value) && typeof value.title === "string") {
      const { title, ...rest } = value;
      return rest;
    }
    return value;
  }),
);
const text = await compile(bare, "All", {
  bannerComment: "// Generated from switchyard/console/schema.py by `make console`: change that, not this.",
  additionalProperties: false,
  enableConstEnums: false,
});
writeFileSync(new URL("../src/api/types.ts", import.meta.url), text);
