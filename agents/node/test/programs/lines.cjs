// A pino line within a request, and one outside of any.
const { createServer } = require('node:http')
const log = require('pino')()

const server = createServer((request, response) => {
  log.info('within')
  response.end()
  server.close()
})
server.listen(0, '127.0.0.1', () => {
  log.info('outside')
  void fetch(`http://127.0.0.1:${server.address().port}/`).then((answer) => answer.text())
})
