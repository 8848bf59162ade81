import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * The memory of this service: the answers of its commands, and the keys whose charge was undone.
 *
 * <p>It is a file of lines, which one process writes. A service of several processes keeps the same two tables in its database.
 */
class Journal {
    static final ObjectMapper JSON = new ObjectMapper();

    final Map<String, Payment.Answer> answers = new HashMap<>();
    final Set<String> undone = new HashSet<>();
    final FileChannel file;

    /** Reads what an earlier process wrote. A line that a kill cut short was answered to nobody: it is cut off. */
    Journal(Path path) throws IOException {
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        String text = Files.readString(path);
        String whole = text.substring(0, text.lastIndexOf('\n') + 1);
        file.truncate(whole.getBytes(StandardCharsets.UTF_8).length);
        file.position(file.size());
        for (String line : whole.lines().toList()) {
            keep(JSON.readTree(line));
        }
    }

    void write(String id, Payment.Answer answer) throws IOException {
        write(Map.of("id", id, "name", answer.name(), "value", answer.value()));
    }

    void writeUndone(String key) throws IOException {
        write(Map.of("undone", key));
    }

    /** Returns when the entry is on the disk. */
    private void write(Map<String, String> entry) throws IOException {
        ByteBuffer line = ByteBuffer.wrap((JSON.writeValueAsString(entry) + "\n").getBytes(StandardCharsets.UTF_8));
        while (line.hasRemaining()) {
            file.write(line);
        }
        file.force(true);
        keep(JSON.valueToTree(entry));
    }

    private void keep(JsonNode entry) {
        if (entry.has("undone")) {
            undone.add(entry.get("undone").asText());
        } else {
            answers.put(entry.get("id").asText(), new Payment.Answer(entry.get("name").asText(), entry.get("value").asText()));
        }
    }
}
