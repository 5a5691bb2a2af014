import { type HfQuantizer, type QuantizedFormat, QuantizedModule, replaceModule } from '@hfquant/core'
import { quantizedModules } from './tensors.js'

/** Lets every format that a quantizer chooses be replaced by another one, right after preprocess. */
export const withFormats =
  (change: (format: QuantizedFormat) => QuantizedFormat) =>
  (quantizer: HfQuantizer): void => {
    const preprocess = quantizer.preprocess.bind(quantizer)
    Object.defineProperty(quantizer, 'preprocess', {
      value: async (...[context]: Parameters<HfQuantizer['preprocess']>) => {
        const result = await preprocess(context)
        for (const [path, { weight, format, replaced }] of quantizedModules(context.shell)) {
          replaceModule(context.shell.root, path, new QuantizedModule(weight, change(format), replaced))
        }
        return result
      },
    })
  }
