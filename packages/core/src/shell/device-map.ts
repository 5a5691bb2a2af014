import { DeviceMapError } from '../errors/families.js'
import { quote } from '../errors/quote.js'
import { ownerPath } from './join-path.js'
import { type Module, walkParameters } from './module.js'

/** Module path (or '' for the whole model) to device name. */
export type DeviceMap = Readonly<Record<string, string>>

const STRATEGIES = ['auto', 'balanced', 'balanced_low_0', 'sequential']

/**
 * Turns a device-map argument into a map.
 *
 * The runtime has one device that holds weights, the CPU, so every strategy resolves to it.
 *
 * @param argument a strategy, a device name, a map of module paths to devices, or nothing.
 * @throws DeviceMapError for an unknown strategy or device.
 */
export function resolveDeviceMap(
  argument: string | DeviceMap | null | undefined,
  devices: readonly string[],
): DeviceMap {
  if (argument == null) return { '': devices[0]! }
  if (typeof argument === 'string') {
    if (STRATEGIES.includes(argument)) return { '': devices[0]! }
    checkDevice(argument, devices, '')
    return { '': argument }
  }
  if (typeof argument !== 'object' || argument === null || Array.isArray(argument)) {
    throw new DeviceMapError(
      'DEVICE_MAP_TYPE',
      `deviceMap is ${quote(argument)}, expected a string or an object`,
      {
        field: 'deviceMap',
        hint: `Use "auto", a device (${devices.join(', ')}), or { "module.path": "device" }.`,
      },
    )
  }
  for (const [path, device] of Object.entries(argument)) checkDevice(device, devices, path)
  return argument
}

/** The device of a parameter: the longest dotted prefix in the map wins. */
function deviceOf(parameter: string, map: DeviceMap): string | undefined {
  let path = parameter
  while (true) {
    if (Object.hasOwn(map, path)) return map[path]
    if (path === '') return undefined
    path = ownerPath(path)
  }
}

/** @throws DeviceMapError naming the first parameter that no entry covers. */
export function checkCoverage(root: Module, map: DeviceMap): void {
  for (const [name] of walkParameters(root)) {
    if (deviceOf(name, map) === undefined) {
      throw new DeviceMapError('DEVICE_MAP_UNCOVERED', `deviceMap has no entry for ${name}`, {
        tensor: name,
        hint: 'Add an entry for one of its parent modules, or "" for everything else.',
      })
    }
  }
}

function checkDevice(device: unknown, devices: readonly string[], path: string): void {
  if (typeof device === 'string' && devices.includes(device)) return
  const where = path === '' ? 'deviceMap' : `deviceMap["${path}"]`
  throw new DeviceMapError(
    'DEVICE_UNKNOWN',
    `${where} is ${quote(device)}, expected one of ${devices.join(', ')}`,
    {
      field: 'deviceMap',
      found: device,
      expected: devices,
      hint: 'Only "cpu" can hold weights in this version.',
    },
  )
}
