import {
  type HfQuantizer,
  placeQuantized,
  type QuantizedFormat,
  QuantizedModule,
} from '@hfquant/core/runtime'
import { quantizedModules } from './tensors.js'

/** Lets every format that a quantizer chooses be replaced by another one, right after preprocess. */
export const withFormats =
  (change: (format: QuantizedFormat) => QuantizedFormat) =>
  (quantizer: HfQuantizer): void => {
    const preprocess = quantizer.preprocess.bind(quantizer)
    Object.defineProperty(quantizer, 'preprocess', {
      value: async (...[context]: Parameters<HfQuantizer['preprocess']>) => {
        const result = await preprocess(context)
        for (const { info, format, replaced } of quantizedModules(context.shell).values()) {
          placeQuantized(context.shell.root, new QuantizedModule(info, change(format), replaced))
        }
        return result
      },
    })
  }
