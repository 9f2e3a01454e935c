// A script that asks once, by each of the ways that Node has, and ends.
import { get } from 'node:http'

const url = process.env.ASK
const answer = await fetch(url)
await answer.text()
await new Promise((resolve) => get(url, (response) => response.resume().on('end', resolve)))
process.stdout.write('done\n')
