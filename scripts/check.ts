import { runChecks } from './checks.ts'

const HELP = `Usage: npm run check

Types, lint and format, generated files up to date, architecture (who imports whom). Under a minute; no root, no network.
To mend lint and format: npm run fix. To mend generated files: npm run generate.
`

if (process.argv.includes('--help')) process.stdout.write(HELP)
else process.exit((await runChecks(console.log)) ? 0 : 1)
