// Reads {"root", "schemas": [{"fileMatch", "url"}], "documents": {path: text}} and prints {path: [message]}: what an
// editor underlines in each document, with the schemas that the project's settings name for it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , modules] = process.argv;
const require = createRequire(join(modules, "package.json"));
const { getLanguageService, TextDocument } = require("vscode-json-languageservice");

const request = JSON.parse(readFileSync(0, "utf8"));
const service = getLanguageService({
  schemaRequestService: async (uri) => readFileSync(new URL(uri), "utf8"),
  workspaceContext: { resolveRelativePath: (relative, resource) => new URL(relative, resource).toString() },
});
const root = `file://${request.root}/`;
service.configure({
  validate: true,
  schemas: request.schemas.map((each) => ({
    uri: new URL(each.url, root).toString(),
    fileMatch: each.fileMatch.map((pattern) => (pattern.startsWith("!") ? `!${request.root}${pattern.slice(1)}` : `${request.root}${pattern}`)),
  })),
});
const answers = {};
for (const [path, text] of Object.entries(request.documents)) {
  const document = TextDocument.create(root + path, "json", 1, text);
  const diagnostics = await service.doValidation(document, service.parseJSONDocument(document), { schemaValidation: "error" });
  answers[path] = diagnostics.map((each) => each.message);
}
process.stdout.write(JSON.stringify(answers));
