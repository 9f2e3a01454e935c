import * as grpc from '@grpc/grpc-js'
import Router from '@koa/router'
import express from 'express'
import fastify from 'fastify'
import * as graphql from 'graphql'
import { Redis } from 'ioredis'
import Koa from 'koa'
import { Pool } from 'pg'
import pino from 'pino'
import winston from 'winston'
import main from './all.cjs'

await main({ express, Koa, Router, fastify, graphql, grpc, Redis, Pool, pino, winston })
