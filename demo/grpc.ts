import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { ready } from './service.ts'

const proto = grpc.loadPackageDefinition(
  loadSync(fileURLToPath(new URL('shop.proto', import.meta.url))),
) as unknown as {
  readonly shop: Readonly<Record<string, grpc.ServiceClientConstructor>>
}

type Handlers = Readonly<Record<string, (request: never) => Promise<object> | object>>

/** The same over gRPC: an error that a handler throws is the answer. */
export function serveGrpc(service: string, handlers: Handlers): Promise<void> {
  const server = new grpc.Server()
  const definition = proto.shop[service]?.service
  if (definition === undefined) throw new Error(`shop.proto has no ${service}`)
  const implementation = Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [
      name,
      (call: { request: never }, answer: grpc.sendUnaryData<object>) => {
        Promise.resolve()
          .then(() => handle(call.request))
          .then(
            (value) => answer(null, value),
            (error: Error & { code?: grpc.status }) =>
              answer({ name: error.name, code: error.code ?? grpc.status.INTERNAL, details: error.message }),
          )
      },
    ]),
  )
  server.addService(definition, implementation as unknown as grpc.UntypedServiceImplementation)
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error !== null) return reject(error)
      ready(port, () => server.forceShutdown())
      resolve()
    })
  })
}

/** Calls a method of another service over gRPC. */
export function grpcClient(service: string, address: string): <T>(method: string, request: object) => Promise<T> {
  const Client = proto.shop[service]
  if (Client === undefined) throw new Error(`shop.proto has no ${service}`)
  const client = new Client(address, grpc.credentials.createInsecure())
  return <T>(method: string, request: object) =>
    new Promise<T>((resolve, reject) => {
      const call = client[method]?.bind(client) as (
        request: object,
        options: grpc.CallOptions,
        answer: (error: grpc.ServiceError | null, value: T) => void,
      ) => void
      call(request, { deadline: Date.now() + 5_000 }, (error, value) => (error ? reject(error) : resolve(value)))
    })
}
