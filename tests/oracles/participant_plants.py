"""Bugs of participants in other languages, one for each duty of the guide: a line of a program is replaced, and its test must be red."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from servers.programs import BUILT, Program
from tests.oracles.participant_duties import answers_once, keeps_its_word_after_a_kill, reads_no_part_of_a_command
from tests.oracles.participant_world import Saga

MODULES = {"go": (), "java": ("libs", "fetched"), "node": ("node_modules", "fetched")}
NO_ANSWER = "not within"


@dataclass(frozen=True, slots=True)
class Plant:
    """A bug: the duty that it breaks, the words of the test that finds it, and for each program the text that it replaces and the
    new one."""

    duty: str
    said: str
    edits: Mapping[str, tuple[str, str]]
    test: Callable[[Saga, float], Awaitable[None]] = answers_once
    language: str = "avro"

    def planted_in(self, program: Program, folder: Path) -> Program:
        """The program with the bug in a copy of its source."""
        source = Path(shutil.copytree(program.source, folder / "source"))
        old, new = self.edits[program.name]
        found = [
            path for path in sorted(source.iterdir()) if path.is_file() and old in path.read_text(encoding="utf-8")
        ]
        assert len(found) == 1, (
            f"the place of {self.duty!r} in {program.name} has moved: {old!r} is in {len(found)} files"
        )
        text = found[0].read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is in {found[0].name} more than once"
        found[0].write_text(text.replace(old, new), encoding="utf-8")
        built = folder / "built"
        built.mkdir()
        for name in MODULES[program.name]:
            (built / name).symlink_to(BUILT / program.name / name)
        return replace(program, source=source).built(built)


PLANTS = {
    "takes-another-command": Plant(
        "read the command by its headers",
        "not within|each command has its answer|ended by itself",
        {
            "go": ("\t\treturn // a command that this program does not serve", "\t\tname = s.refund(key, cmd)"),
            "java": ("default -> { return; } // a command", "default -> answer = refund(key, fields); // a command"),
            "node": ("else return; // a command", "else answer = await refund(key, command); // a command"),
        },
    ),
    "reads-by-its-own-schema": Plant(
        "read the value by the schema that its frame names",
        f"{NO_ANSWER}|the fields are",
        {
            "go": (
                "avro.Parse(schema.Schema)",
                'avro.Parse(`{"type":"record","name":"C","fields":[{"name":"orderId","type":"string"},'
                '{"name":"totalCents","type":"long"}]}`)',
            ),
            "java": (
                "new Schema.Parser().parse(schema)",
                'new Schema.Parser().parse("{\\"type\\":\\"record\\",\\"name\\":\\"C\\",\\"fields\\":['
                '{\\"name\\":\\"orderId\\",\\"type\\":\\"int\\"}]}")',
            ),
        },
    ),
    "reads-the-index-as-a-field": Plant(
        "in Protobuf, take the index of the message off",
        NO_ANSWER,
        {
            "go": ("s.frame.DecodeIndex(value, 1)", "[]int{0}, value, error(nil)"),
            "java": ("start + 1, value.length - start - 1", "start, value.length - start"),
        },
        language="protobuf",
    ),
    "reads-any-message-of-the-file": Plant(
        "in Protobuf, take the index of the message off",
        "a part of a command|ended by itself",
        {
            "go": ("if index[0] != 0 {", "if index[0] < 0 {"),
        },
        reads_no_part_of_a_command,
        "protobuf",
    ),
    "charges-nothing": Plant(
        "leave a command without a needed field",
        "a part of a command|ended by itself",
        {
            "go": ('\t\terr = errors.New("it has no totalCents")', "\t\tcmd.TotalCents = new(int64)"),
            "java": ("&& fields.cents() == null", "&& fields.cents() != null && fields.cents() < 0"),
            "node": ('Object.hasOwn(command, "totalCents")', "command.totalCents !== null"),
        },
        reads_no_part_of_a_command,
        "protobuf",
    ),
    "new-key-for-each-charge": Plant(
        "give the outside a key made of the command's id",
        "the provider's key is the command's id",
        {
            "go": ('"key": id, "order_id"', '"key": id + time.Now().String(), "order_id"'),
            "java": ('"key", id, "order_id"', '"key", id + System.nanoTime(), "order_id"'),
            "node": ("key: id, order_id", "key: id + Math.random(), order_id"),
        },
    ),
    "forgets-its-answers": Plant(
        "remember its answers, by the command's id",
        "a copy is answered from memory",
        {
            "go": ("known, ok := s.journal.answers[id]; ok {", "known, ok := s.journal.answers[id]; ok && id == key {"),
            "java": ("if (known != null) {", "if (known != null && id.equals(key)) {"),
            "node": ("if (known) return known;", ""),
        },
    ),
    "new-id-for-each-answer": Plant(
        "answer with the same id each time",
        "a copy has the id",
        {
            "go": ('[]byte(id + "-answer")', "[]byte(id + time.Now().String())"),
            "java": ('id + "-answer"', "id + System.nanoTime()"),
            "node": ('id + "-answer"', "id + Math.random()"),
        },
    ),
    "a-source-for-each-process": Plant(
        "name itself by one source",
        "one source",
        {
            "go": ("[]byte(source)", "[]byte(fmt.Sprint(source, os.Getpid()))"),
            "java": ('"ce_source", SOURCE', '"ce_source", SOURCE + ProcessHandle.current().pid()'),
            "node": ("ce_source: SOURCE", "ce_source: SOURCE + process.pid"),
        },
    ),
    "answers-nothing": Plant(
        "say which command it answers",
        "says which command",
        {
            "go": ('{Key: "ce_causationid", Value: []byte(id)},', ""),
            "java": ('"ce_causationid", id,', ""),
            "node": ("ce_causationid: id,", ""),
        },
    ),
    "begins-a-journey": Plant(
        "copy the correlation",
        "has the correlation",
        {
            "go": ('[]byte(headers["ce_correlationid"])', "[]byte(id)"),
            "java": ('headers.getOrDefault("ce_correlationid", id)', "id"),
            "node": ("headers.ce_correlationid ?? id", "id"),
        },
    ),
    "answers-without-a-key": Plant(
        "answer with the command's key",
        "has the command's key",
        {
            "go": ("Key: record.Key, Value: value,", "Value: value,"),
            "java": ("(EVENTS, command.key(), encoded(answer))", "(EVENTS, (byte[]) null, encoded(answer))"),
            "node": ("    key: message.key,\n", ""),
        },
    ),
    "names-no-form": Plant(
        "name the value's form",
        "names the form",
        {
            "go": ('{Key: "content-type", Value', '{Key: "ce_form", Value'),
            "java": ('"content-type", "application/avro"', '"ce_form", "application/avro"'),
            "node": ('"content-type": "application/json",', ""),
        },
    ),
    "new-key-for-each-undo": Plant(
        "serve the undo, under a key of its own for the provider",
        "a resent undo",
        {
            "go": ('"refund/" + key', '"refund/" + time.Now().String()'),
            "java": ('"refund/" + key', '"refund/" + System.nanoTime()'),
            "node": ('"refund/" + key', '"refund/" + Math.random()'),
        },
    ),
    "no-tombstone": Plant(
        "keep a tombstone: refuse a command that comes after its undo",
        "each command has its answer",
        {
            "go": ("if s.journal.undone[key] {", 'if key == "" {'),
            "java": ("if (journal.undone.contains(key)) {", "if (key.isEmpty()) {"),
            "node": ("if (journal.undone.has(key)) {", 'if (key === "") {'),
        },
    ),
    "memory-without-a-disk": Plant(
        "have the memory on disk before it answers",
        "its memory outlives the process",
        {
            "go": ("_, err := j.file.Write(append(must(json.Marshal(e)), '\\n'))", "_, err := json.Marshal(e)"),
            "java": ("file.write(line);", "line.position(line.limit());"),
            "node": ('end += fs.writeSync(file, JSON.stringify(entry) + "\\n", end);', ""),
        },
        keeps_its_word_after_a_kill,
    ),
    "offset-before-the-answer": Plant(
        "produce first, commit the offset second",
        NO_ANSWER,
        {
            "go": (
                "\t\tfetches.EachRecord(",
                "\t\tcheck(client.CommitUncommittedOffsets(ctx))\n\t\tfetches.EachRecord(",
            ),
            "java": (
                "for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {",
                "var records = consumer.poll(Duration.ofSeconds(1));\n"
                "                consumer.commitSync();\n"
                "                for (ConsumerRecord<byte[], byte[]> record : records) {",
            ),
            "node": (
                "        await handle(message);\n        resolveOffset(message.offset);\n",
                "        resolveOffset(message.offset);\n"
                "        await commitOffsetsIfNecessary(uncommittedOffsets());\n"
                "        await handle(message);\n",
            ),
        },
        keeps_its_word_after_a_kill,
    ),
    "asks-once": Plant(
        "try again what is away: broker, registry, provider",
        f"{NO_ANSWER}|ended by itself",
        {
            "go": ("\t\tif err == nil {\n\t\t\treturn found\n", "\t\tif err == nil || true {\n\t\t\treturn found\n"),
            "java": ("System.err.println(error);\n                Thread.sleep(200);", "return null;"),
            "node": (
                "console.error(String(error));\n      await new Promise((resolve) => setTimeout(resolve, 200));",
                "return undefined;",
            ),
        },
        keeps_its_word_after_a_kill,
    ),
    "no-static-member": Plant(
        "be a static member",
        NO_ANSWER,
        {
            "go": ('\t\tkgo.InstanceID("payment-1"),\n', ""),
            "java": ('"group.instance.id", "payment-1",', ""),
        },
        keeps_its_word_after_a_kill,
    ),
    "ends-at-a-stranger": Plant(
        "log the id of a command that it cannot read, and go on",
        f"{NO_ANSWER}|ended by itself",
        {
            "go": ('log.Printf("command %s cannot be read', 'log.Fatalf("command %s cannot be read'),
            "java": (
                'System.err.println("command " + id + " cannot be read, and is left to the saga\'s timeout: " + error);',
                "System.exit(1);",
            ),
            "node": ("function unreadable(id, why) {", "function unreadable(id, why) {\n  process.exit(1);"),
        },
    ),
}
