// Backstage's own model on entities, a JSON text a line: an empty line, or the reason against an entity.
const model = require("@backstage/catalog-model");
const { readFileSync } = require("node:fs");

const VALIDATORS = {
  API: model.apiEntityV1alpha1Validator,
  Component: model.componentEntityV1alpha1Validator,
  System: model.systemEntityV1alpha1Validator,
};
const policies = [
  new model.SchemaValidEntityPolicy(),
  new model.FieldFormatEntityPolicy(),
  new model.NoForeignRootFieldsEntityPolicy(),
];

async function main() {
  for (const line of readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
    const entity = JSON.parse(line);
    let said = "";
    try {
      for (const policy of policies) await policy.enforce(entity);
      if (!(await VALIDATORS[entity.kind].check(entity))) said = "not of its kind";
      model.parseEntityRef(entity.spec.owner);
    } catch (error) {
      said = String(error.message);
    }
    console.log(said);
  }
}

main();
