import { expect, test } from 'vitest'
import { addressOf } from './address.ts'

test('a client is where its connection comes from, where no proxy is trusted', () => {
  expect(addressOf('192.0.2.1', '198.51.100.1', 0)).toBe('192.0.2.1')
})
test('behind proxies a client is what the outermost of them saw, whatever it wrote into the header itself', () => {
  const header = '203.0.113.9, forged, 192.0.2.1, 10.0.0.2'
  expect(addressOf('10.0.0.3', header, 1)).toBe('10.0.0.2')
  expect(addressOf('10.0.0.3', header, 2)).toBe('192.0.2.1')
})
test('an entry that is no address, or not there, is not taken for one', () => {
  for (const header of [null, '', 'unknown', '_hidden', '192.0.2.1:80', '192.0.2.1, '])
    expect(addressOf('10.0.0.3', header, 1), String(header)).toBe('10.0.0.3')
  expect(addressOf('10.0.0.3', '192.0.2.1', 2)).toBe('10.0.0.3')
})
test('addresses of version 6 count by their first 64 bits, and written as version 4 as these', () => {
  const networks = {
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:DB8:0001:2::6': '2001:db8:1:2::/64',
    '2001:db8::6': '2001:db8:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '1::': '1:0:0:0::/64',
    '::ffff:192.0.2.1': '192.0.2.1',
    '192.0.2.1': '192.0.2.1',
  }
  for (const [address, network] of Object.entries(networks)) expect(addressOf(address, null, 0)).toBe(network)
})
