// A small program without a line about tracing: an HTTP server whose /checkout asks its own /price.
const { createServer, get } = require('node:http')

const server = createServer((request, response) => {
  if (request.url === '/price') response.end('42')
  else if (request.url === '/checkout') {
    get({ port: server.address().port, path: '/price' }, (answer) => {
      answer.resume()
      answer.on('end', () => response.end('paid'))
    })
  } else response.writeHead(404).end()
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
process.on('SIGTERM', () => server.close())
