import { parseArgs } from 'node:util'
import { buildImage, buildRootfs } from './build.ts'
import { PRODUCT_IMAGE } from './tag.ts'

const HELP = `Usage: npm run image -- --output FILE [--tag TAG]
       npm run image -- --rootfs FOLDER

Writes the product's image as a docker-archive, for this machine's architecture (${process.arch}).
It needs neither Docker nor a registry: load it with "ctr -n k8s.io images import FILE", "docker load -i FILE"
or "npm run lab -- load FILE".

  --output FILE    where the tar file goes
  --rootfs FOLDER  writes the image's files into a folder instead: for deploy/Dockerfile
  --tag TAG        name of the image (default ${PRODUCT_IMAGE}, as in deploy/openelb.yaml)
  --help           this text
`

process.exit(await main(process.argv.slice(2)))

async function main(argv: string[]): Promise<number> {
  const startMs = performance.now()
  const log = (line: string) => console.error(`[image] ${line}`)
  try {
    const text = { type: 'string' } as const
    const { values } = parseArgs({ args: argv, options: { output: text, rootfs: text, tag: text, help: { type: 'boolean' } } })
    if (values.help === true) return print(HELP, 0)
    if (values.rootfs !== undefined) return print(`${await buildRootfs(values.rootfs, log)} files in ${values.rootfs}\n`, 0)
    if (values.output === undefined) return print(`--output is missing: say where the image goes.\n\n${HELP}`, 2)
    const tag = values.tag === undefined ? {} : { tag: values.tag }
    const image = await buildImage({ output: values.output, ...tag, log })
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    const megabytes = (image.bytes / 1e6).toFixed(1)
    return print(`${image.tag}\nid      ${image.imageId}\narchive ${image.archiveDigest}\nsize    ${megabytes} MB, ${seconds} s\n`, 0)
  } catch (error) {
    return print(`${error instanceof Error ? error.message : error}\n`, error instanceof TypeError ? 2 : 1)
  }
}

function print(text: string, code: number): number {
  ;(code === 0 ? process.stdout : process.stderr).write(text)
  return code
}
