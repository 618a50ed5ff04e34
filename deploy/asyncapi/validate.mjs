// Print what AsyncAPI's parser holds against a document, one finding a line. Exit code 1: there are errors or warnings.
import { readFileSync } from "node:fs";
import asyncapi from "@asyncapi/parser";

const WARNING = 1; // severities: 0 error, 1 warning, 2 information, 3 hint
const { diagnostics } = await new asyncapi.Parser().parse(readFileSync(process.argv[2], "utf8"));
const findings = diagnostics.filter((one) => one.severity <= WARNING);
for (const one of findings) console.log(`${one.path.join("/")}: ${one.message} (${one.code})`);
process.exitCode = findings.length ? 1 : 0;
