/** Version of this package, as `meta.quantizer` names it. */
export const VERSION = '0.1.0'
