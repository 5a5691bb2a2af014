#!/usr/bin/env node
import { relative } from 'node:path'
import { CreateError, createBackend } from './create-backend.js'

const USAGE = `usage: npm create hfquant-backend NAME

Writes a package with a quantization method into the folder hfquant-backend-NAME.
NAME consists of lower-case words and digits, joined by "-": my-method.`

const [name, ...others] = process.argv.slice(2)
if (name === '--help' || name === '-h') {
  console.log(USAGE)
} else if (name === undefined || others.length > 0 || name.startsWith('-')) {
  console.error(USAGE)
  process.exitCode = 2
} else {
  await create(name)
}

async function create(method: string): Promise<void> {
  try {
    const { folder, files, quantMethod } = await createBackend(method, process.cwd())
    const path = relative(process.cwd(), folder)
    console.log(`${path} has ${files.length} files, and a method "${quantMethod}" that passes its tests:\n`)
    console.log(`  cd ${path}\n  npm install\n  npm test`)
  } catch (error) {
    if (!(error instanceof CreateError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
