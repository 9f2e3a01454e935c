import * as api from '@opentelemetry/api'
import * as amqplib from 'amqplib'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import mysql from 'mysql2'
import mysqlPromise from 'mysql2/promise'
import pg from 'pg'
import { createClient } from 'redis'
import main from './clients.cjs'

const { Kafka } = process.env.BROKER === undefined ? {} : (await import('kafkajs')).default
await main({ pg, mysql, mysqlPromise, MongoClient, createClient, Redis, amqplib, Kafka, api })
