import { type DefinedQuantizer, defineQuantizer, type WeightInfo } from '@hfquant/core'
import { describeQuantizer } from '@hfquant/testkit'
import { Mxfp4Config, type Mxfp4Settings, mxfp4 } from './index.js'

const { definition } = mxfp4

/**
 * The method for every linear layer: the models of the suite have no experts. How those are found, read and written, is in
 * gpt-oss.test.ts.
 */
const everywhere: DefinedQuantizer<Mxfp4Settings> = defineQuantizer({
  ...definition,
  formatFor: (weight, settings, context) =>
    definition.formatFor(context.preQuantized ? weight : asExpert(weight), settings, context),
})

const asExpert = (weight: WeightInfo): WeightInfo => ({
  ...weight,
  path: 'model.layers.0.mlp.experts.0.down_proj',
  stacked: true,
})

/** The list that is saved by default names the modules of gpt-oss. */
const config = (modulesToNotConvert?: readonly string[]) =>
  everywhere.parseConfig(new Mxfp4Config(modulesToNotConvert && { modulesToNotConvert }).toDict())

describeQuantizer(everywhere, {
  configs: { 'blocks of 32': { config: config(['lm_head']), largestError: 0.2, bitsPerWeight: 4.4 } },
  skipping: config,
  loadingAttributes: { dequantize: true },
  refused: {
    'a skip list that is a text': { quant_method: 'mxfp4', modules_to_not_convert: 'lm_head' },
    'dequantize that is a number': { quant_method: 'mxfp4', dequantize: 1 },
  },
})
