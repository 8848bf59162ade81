// A payment service that never heard of Partita: it takes part in the shop's checkout saga over Kafka.
//
// It reads ChargePayment and RefundPayment from shop.payment.commands, in Avro, JSON or Protobuf behind the frame of a schema
// registry, and answers on shop.payment.events in JSON, as CloudEvents in binary mode.
//
//   KAFKA=127.0.0.1:9092 REGISTRY=http://127.0.0.1:8081 PROVIDER=http://127.0.0.1:9000 JOURNAL=journal.jsonl node payment.js
"use strict";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require("kafkajs");
const { SchemaRegistry } = require("@kafkajs/confluent-schema-registry");
const lz4 = require("lz4js");
const { openJournal } = require("./journal");

const COMMANDS = "shop.payment.commands";
const EVENTS = "shop.payment.events";
const TYPES = "shop.payment.v1.";
const SOURCE = "/payment/node"; // with ce_id, the name of an event: one source for all processes of this service

// Partita compresses with LZ4, which kafkajs can read once it is given a codec.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});

const registry = new SchemaRegistry({ host: process.env.REGISTRY });
const kafka = new Kafka({ clientId: "payment", brokers: [process.env.KAFKA], logLevel: logLevel.ERROR });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 }); // acks=all
// kafkajs has no static members: after a kill the partitions wait until this session has ended.
const consumer = kafka.consumer({ groupId: "payment-service", sessionTimeout: 6000, heartbeatInterval: 1000 });
const journal = openJournal(process.env.JOURNAL);

async function main() {
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topics: [COMMANDS], fromBeginning: true });
  console.log("ready");
  await consumer.run({
    autoCommit: false, // by hand, when the answers are on the broker
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale, commitOffsetsIfNecessary, uncommittedOffsets }) => {
      for (const message of batch.messages) {
        if (!isRunning() || isStale()) return;
        await handle(message);
        resolveOffset(message.offset);
        await heartbeat();
      }
      // Produce first, commit second. A kill in between makes the commands come again, and the journal has their answers.
      await commitOffsetsIfNecessary(uncommittedOffsets());
    },
  });
}

// Does the work of one command and answers it; returns when the answer is on the broker.
async function handle(message) {
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
  const { ce_id: id, ce_type: type } = headers;
  const key = String(message.key ?? "");
  let command = id && key ? await decoded(id, headers["content-type"], message.value) : unreadable(id, "it has no id or no key");
  if (command && !hasFields(command, type)) command = unreadable(id, "it has no orderId or no totalCents");
  let answer;
  if (!command) return;
  else if (type === TYPES + "ChargePayment") answer = await charge(id, key, command);
  else if (type === TYPES + "RefundPayment") answer = await refund(key, command);
  else return; // a command that this program does not serve
  const reply = {
    key: message.key,
    value: JSON.stringify(answer.value),
    headers: {
      ce_specversion: "1.0",
      ce_id: id + "-answer", // the same for each copy of the command
      ce_source: SOURCE,
      ce_type: TYPES + answer.name,
      ce_time: new Date().toISOString(),
      ce_correlationid: headers.ce_correlationid ?? id,
      ce_causationid: id,
      ce_partitionkey: key,
      "content-type": "application/json",
    },
  };
  await retried(() => producer.send({ topic: EVENTS, acks: -1, messages: [reply] }));
}

// Takes the money once for each command. The answer of a repeated command is the one that it had before.
async function charge(id, key, command) {
  const known = journal.answers.get(id);
  if (known) return known;
  if (journal.undone.has(key)) {
    return { name: "PaymentDeclined", value: { reason: "undone before it was charged" } }; // the undo came before its command
  }
  // The provider's key is made of the command's id: a charge that was made before a kill is not made again.
  const said = await ask("charge", { key: id, order_id: command.orderId, cents: Number(command.totalCents) });
  const answer =
    said === "ok"
      ? { name: "PaymentCharged", value: { orderId: command.orderId } }
      : { name: "PaymentDeclined", value: { reason: said } };
  journal.write({ id, ...answer });
  return answer;
}

// Gives the money back, and takes none for this key from now on. Each resend of an undo has an id of its own, so the provider's key
// is made of the saga's key.
async function refund(key, command) {
  journal.write({ undone: key }); // the tombstone
  await ask("refund", { key: "refund/" + key, order_id: command.orderId });
  return { name: "PaymentRefunded", value: { orderId: command.orderId } };
}

// Asks the provider until it answers; a lost answer is asked for again under the same key.
function ask(what, body) {
  return retried(async () => {
    const response = await fetch(`${process.env.PROVIDER}/${what}`, { method: "POST", body: JSON.stringify(body) });
    const said = await response.json();
    if (!response.ok) throw new Error(`the provider refuses: ${said.answer}`);
    return said.answer;
  });
}

// Reads a command by the schema that its frame names. A registry that is away is no reason to lose a command.
async function decoded(id, contentType, value) {
  if (contentType === "application/json" && value?.[0] === 0x7b) return parsed(id, value); // an app without a registry writes no frames
  if (value === null || value.length < 5 || value[0] !== 0) return unreadable(id, "it has no frame");
  // In Protobuf the index of the message in its file comes next. A file of Partita has one message, the first.
  if (contentType === "application/protobuf" && value[5] !== 0) return unreadable(id, "it is not the first message of its file");
  return retried(async () => {
    try {
      return await registry.decode(value);
    } catch (error) {
      if (error.status === 404 || !("status" in error)) return unreadable(id, error); // the answer of the registry, or the bytes
      throw error;
    }
  });
}

function parsed(id, value) {
  try {
    return JSON.parse(value);
  } catch (error) {
    return unreadable(id, error);
  }
}

// Whether the fields that this program needs are there. A class of protobufjs has an absent field in its prototype alone.
function hasFields(command, type) {
  return Object.hasOwn(command, "orderId") && (type !== TYPES + "ChargePayment" || Object.hasOwn(command, "totalCents"));
}

function unreadable(id, why) {
  console.error(`command ${id} cannot be read, and is left to the saga's timeout: ${why}`);
  return null;
}

async function retried(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      console.error(String(error));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
