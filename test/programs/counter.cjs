// A small program without a line about tracing, behind a sidecar: for each request it asks the service `stock`, which is
// at NEXT, for the same path.
const { createServer, get } = require('node:http')

const server = createServer((request, response) => {
  get(`${process.env.NEXT}${request.url}`, { headers: { host: 'stock' } }, (answer) => {
    answer.resume()
    response.writeHead(answer.statusCode).end()
  })
})
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write(`${process.env.PORT}\n`))
