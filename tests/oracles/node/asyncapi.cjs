// The official parser of AsyncAPI on each file: its diagnostics as JSON, a line a file.
const { Parser } = require("@asyncapi/parser");
const { AvroSchemaParser } = require("@asyncapi/avro-schema-parser");
const { readFileSync } = require("node:fs");

async function main() {
  const parser = new Parser();
  parser.registerSchemaParser(AvroSchemaParser());
  for (const file of process.argv.slice(2)) {
    const { document, diagnostics } = await parser.parse(readFileSync(file, "utf8"));
    const found = diagnostics.map((each) => ({ code: each.code, path: each.path.join("/"), message: each.message }));
    console.log(JSON.stringify({ read: document !== undefined, diagnostics: found }));
  }
}

main();
