import 'reflect-metadata'
import Router from '@koa/router'
import * as common from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import express from 'express'
import Koa from 'koa'
import main from './web.cjs'

await main({ express, Koa, Router, nest: { ...common, NestFactory, FastifyAdapter } })
