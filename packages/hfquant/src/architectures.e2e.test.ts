import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { knownArchitectures } from '@hfquant/models'
import { describeArchitecture } from '@hfquant/testkit'
import { AutoModelForCausalLM, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

/** Ways to quantize whose products, constants and layouts differ. */
const configs = {
  'rtn-int4': await recipe('rtn-int4'),
  nf4: await recipe('nf4'),
  'int8-dynamic-act-int8-weight': await recipe('int8-dynamic-act-int8-weight'),
}

/** Folders that the Python library wrote, by the name of their architecture. */
const folders = readdirSync(golden('architectures'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => golden(`architectures/${name}`))

function isOf(folder: string, names: readonly string[]): boolean {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  return names.includes(config.architectures?.[0])
}

for (const architecture of knownArchitectures()) {
  const goldens = folders.filter((folder) => isOf(folder, architecture.names))
  describeArchitecture(architecture, { frontDoor: AutoModelForCausalLM, goldens, configs })
}
