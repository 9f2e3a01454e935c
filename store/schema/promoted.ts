/**
 * Attributes that have a column: those that queries ask for so often, and long ones that are on so many spans that to read
 * any other was mostly to read these (services by a value of one: 410 ms of CPU with them in the map, 300 without, for 4
 * million spans). They have few values, or nearly so: a rare value is found by the index of the maps alone.
 *
 * `names[0]` is the newer semantic convention, the second (where it was renamed) the older. The entry's place is its place in
 * the `moved` bits: bits 2i and 2i+1.
 */
export const promoted = [
  { column: 'http_method', type: 'string', names: ['http.request.method', 'http.method'] },
  { column: 'http_route', type: 'string', names: ['http.route'] },
  { column: 'http_status', type: 'int', names: ['http.response.status_code', 'http.status_code'] },
  { column: 'db_system', type: 'string', names: ['db.system.name', 'db.system'] },
  { column: 'db_namespace', type: 'string', names: ['db.namespace', 'db.name'] },
  { column: 'messaging_system', type: 'string', names: ['messaging.system'] },
  { column: 'messaging_destination', type: 'string', names: ['messaging.destination.name', 'messaging.destination'] },
  { column: 'rpc_service', type: 'string', names: ['rpc.service'] },
  { column: 'rpc_method', type: 'string', names: ['rpc.method'] },
  { column: 'server_address', type: 'string', names: ['server.address', 'net.peer.name'] },
  { column: 'peer_service', type: 'string', names: ['service.peer.name', 'peer.service'] },
  { column: 'db_query_text', type: 'string', names: ['db.query.text', 'db.statement'] },
  { column: 'user_agent', type: 'string', names: ['user_agent.original', 'http.user_agent'] },
  { column: 'code_function', type: 'string', names: ['code.function.name', 'code.function'] },
  { column: 'thread_name', type: 'string', names: ['thread.name'] },
] as const
export type Promoted = (typeof promoted)[number]
