import { fileURLToPath } from 'node:url'
import { describeArchitecture } from '@hfquant/testkit'
import { AutoModelForCausalLM, recipe } from 'hfquant'
import { persimmon } from './persimmon.js'

describeArchitecture(persimmon, {
  frontDoor: AutoModelForCausalLM,
  goldens: [fileURLToPath(new URL('../goldens/tiny-persimmon', import.meta.url))],
  configs: { 'int8-weight-only': await recipe('int8-weight-only'), nf4: await recipe('nf4') },
  refused: [
    { change: { hidden_act: 'mish' }, code: 'ACTIVATION', field: 'hidden_act' },
    { change: { num_hidden_layers: 0 }, code: 'FIELD_VALUE', field: 'num_hidden_layers' },
  ],
})
