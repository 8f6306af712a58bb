import { readFileSync } from 'node:fs'
import { imageName } from '../../src/api/names.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

/** The version in package.json, such as `0.1.0`. */
export const PRODUCT_VERSION = version

/** The image of this version: what `npm run image` tags and deploy/openelb.yaml names. */
export const PRODUCT_IMAGE = imageName(version)
