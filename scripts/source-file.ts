import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'

/** What one file of ours says to the rest of the world, read from its syntax tree (comments and texts do not count). */
export interface SourceFile {
  /** Path from the root of the repository. */
  readonly path: string
  readonly lines: number
  /** False when all of it disappears on compilation: interfaces, types and their imports. */
  readonly hasCode: boolean
  readonly imports: readonly Import[]
  /** Names that other files can import. */
  readonly exports: readonly string[]
  /** Uses of the clock, randomness, timers, the process and the network that need no import, with their line. */
  readonly ambient: readonly string[]
  /** Uses of `process.env` and `process.exit`, with their line. */
  readonly entryOnly: readonly string[]
}

export interface Import {
  /** As written: `../result.ts`, `zod`. */
  readonly from: string
  /** The file it names, from the root of the repository; undefined for packages and Node's own modules. */
  readonly file: string | undefined
  /** Gone after compilation: it cannot run anything. */
  readonly typeOnly: boolean
}

const AMBIENT_NAMES = new Set(['process', 'console', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'performance'])
const AMBIENT_MEMBERS = new Set(['Date.now', 'Math.random', 'crypto.randomUUID', 'crypto.getRandomValues'])
const RANDOM_CALLS = new Set(['randomBytes', 'randomUUID', 'randomInt', 'randomFillSync', 'generateKeyPairSync', 'generateKeyPair'])

/** All TypeScript files below these folders, sorted by path. */
export function readSourceFiles(root: string, folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) =>
      readdirSync(posix.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
        .map((name) => `${folder}/${name}`),
    )
    .sort()
    .map((path) => readSource(path, readFileSync(posix.join(root, path), 'utf8')))
}

/** Reads one file from its text; `path` only serves to resolve relative imports. */
export function readSource(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  const exports: string[] = []
  const ambient: string[] = []
  const entryOnly: string[] = []
  const at = (node: ts.Node) => `line ${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.getText().slice(0, 60)}`
  const visit = (node: ts.Node): void => {
    const found = importOf(node, path)
    if (found !== undefined) imports.push(found)
    exports.push(...exportedNames(node))
    if (isAmbient(node)) ambient.push(at(node))
    if (ts.isPropertyAccessExpression(node) && /^process\.(env|exit)$/.test(node.getText())) entryOnly.push(at(node))
    if (!isTypePosition(node)) ts.forEachChild(node, visit)
  }
  visit(tree)
  return { path, lines: text.split('\n').length - 1, hasCode: tree.statements.some(isCode), imports, exports, ambient, entryOnly }
}

function importOf(node: ts.Node, path: string): Import | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return toImport(node.moduleSpecifier.text, path, isTypeOnlyClause(node.importClause))
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    const { exportClause } = node
    const named = exportClause !== undefined && ts.isNamedExports(exportClause) ? exportClause.elements : []
    const allTypes = named.length > 0 && named.every((element) => element.isTypeOnly)
    return toImport(node.moduleSpecifier.text, path, node.isTypeOnly || allTypes)
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments
    if (specifier !== undefined && ts.isStringLiteral(specifier)) return toImport(specifier.text, path, false)
  }
  return undefined
}

/** `import type {}` and `import { type A }` disappear; `import {}`, `import x` and `import 'x'` do not. */
function isTypeOnlyClause(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const { name, namedBindings } = clause
  if (name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings)) return false
  return namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly)
}

function toImport(from: string, path: string, typeOnly: boolean): Import {
  return { from, file: from.startsWith('.') ? posix.join(posix.dirname(path), from) : undefined, typeOnly }
}

function exportedNames(node: ts.Node): string[] {
  if (ts.isNamedExports(node)) return node.elements.map((element) => element.name.text)
  const exported = ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  if (exported !== true) return []
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText())
  const named = node as ts.Node & { readonly name?: ts.Node }
  return named.name === undefined ? [] : [named.name.getText()]
}

function isAmbient(node: ts.Node): boolean {
  if (ts.isNewExpression(node)) return node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0
  if (ts.isPropertyAccessExpression(node)) return AMBIENT_MEMBERS.has(node.getText())
  if (!ts.isIdentifier(node) || !isFreeName(node)) return false
  if (RANDOM_CALLS.has(node.text)) return ts.isCallExpression(node.parent)
  return AMBIENT_NAMES.has(node.text)
}

/** A name that stands for a variable: not a member, not a key of an object, not a declaration's own name. */
function isFreeName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isPropertyAssignment(parent) || ts.isBindingElement(parent)) return parent.initializer === node
  const declaration = parent as ts.Node & { readonly name?: ts.Node }
  return declaration.name !== node && !ts.isImportSpecifier(parent) && !ts.isExportSpecifier(parent)
}

function isCode(statement: ts.Statement): boolean {
  if (ts.isImportDeclaration(statement)) return !isTypeOnlyClause(statement.importClause)
  if (ts.isExportDeclaration(statement)) return !statement.isTypeOnly
  return !ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)
}

/** `let x: typeof fetch` is no use of fetch. */
function isTypePosition(node: ts.Node): boolean {
  return ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
}
