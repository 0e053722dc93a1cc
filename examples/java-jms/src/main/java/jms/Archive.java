package jms;

import com.google.gson.Gson;
import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.Session;
import jakarta.jms.TextMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** Moves every chat message from the queue {@code chat-archive} into a file, one line of JSON each. */
final class Archive {
  private static final Gson GSON = new Gson();

  private final FileChannel file;

  private Archive(FileChannel file) {
    this.file = file;
  }

  static void keep(Connection connection, Path path) throws JMSException, IOException {
    Archive archive =
        new Archive(FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND));
    Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
    session.createConsumer(session.createQueue("chat-archive")).setMessageListener(archive::write);
  }

  /** Returns only when the disk has the line: from then on the broker may forget the message. If this fails, it comes again. */
  private void write(Message message) {
    try {
      append(StandardCharsets.UTF_8.encode(lineOf(message) + "\n"));
    } catch (JMSException | IOException failure) {
      Terminal.complain("Not archived yet, the broker keeps it: " + failure.getMessage());
      throw new IllegalStateException(failure);
    }
  }

  /** All of the line, or nothing of it. */
  private void append(ByteBuffer line) throws IOException {
    long end = file.size();
    try {
      while (line.hasRemaining()) file.write(line);
      file.force(false);
    } catch (IOException full) {
      if (file.size() > end) file.truncate(end);
      throw full;
    }
  }

  private static String lineOf(Message message) throws JMSException {
    Map<String, String> line = new LinkedHashMap<>();
    line.put("at", Instant.ofEpochMilli(message.getJMSTimestamp()).toString());
    line.put("room", message.getStringProperty("room"));
    line.put("sender", message.getStringProperty("sender"));
    if (message instanceof BytesMessage bytes) line.put("base64", base64(bytes));
    else line.put("message", message instanceof TextMessage text ? text.getText() : ChatMessage.textOf(message));
    return GSON.toJson(line);
  }

  private static String base64(BytesMessage message) throws JMSException {
    byte[] body = new byte[Math.toIntExact(message.getBodyLength())];
    message.readBytes(body);
    return Base64.getEncoder().encodeToString(body);
  }
}
