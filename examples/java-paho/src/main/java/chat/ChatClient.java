package chat;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.io.BufferedReader;
import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.UUID;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.MqttCallbackExtended;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.MqttSecurityException;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/** A chat room in a terminal: shows what is said there and says each line that is typed. */
public final class ChatClient implements MqttCallbackExtended {
  private static final String DEFAULT_BROKER = "tcp://127.0.0.1:1883";
  private static final int QOS = 1;
  private static final int FAILED = 1;
  private static final int WRONG_USE = 2;
  private static final long CONFIRM_MILLIS = 10_000;

  private static final Gson GSON = new Gson();
  private static final Charset TERMINAL =
      System.console() == null ? StandardCharsets.UTF_8 : System.console().charset();
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, TERMINAL);
  private static final PrintStream ERR =
      new PrintStream(new FileOutputStream(FileDescriptor.err), true, TERMINAL);

  /** What travels on {@code chat/{room}/messages}, as JSON. */
  private record ChatMessage(String type, String id, String from, String text, String sentAt) {}

  private final String account;
  private final String topic;
  private final MqttClient client;
  /** Starts every id made here, so that our own lines, already on the screen, are not shown twice. */
  private final String session = UUID.randomUUID().toString();
  private int sent;

  private ChatClient(String broker, String account, String room) throws MqttException {
    this.account = account;
    this.topic = "chat/" + room + "/messages";
    // The same client id each time: the broker keeps what was said while we were away.
    this.client = new MqttClient(broker, "java-" + account + "-" + room, new MemoryPersistence());
    client.setTimeToWait(CONFIRM_MILLIS);
    client.setCallback(this);
  }

  public static void main(String[] args) throws IOException {
    if (args.length < 2 || args.length > 3 || !args[1].matches("[^/+#\\p{Cntrl}]+")) {
      ERR.println("Usage: java -jar java-paho-chat.jar ACCOUNT ROOM [BROKER-URL, default " + DEFAULT_BROKER + "]");
      ERR.println("The password comes from the environment variable CHAT_PASSWORD, or is asked for.");
      System.exit(WRONG_USE);
    }
    String broker = args.length == 3 ? args[2] : DEFAULT_BROKER;
    System.exit(chat(broker, args[0], args[1], password(args[0])));
  }

  private static char[] password(String account) {
    String given = System.getenv("CHAT_PASSWORD");
    if (given != null) return given.toCharArray();
    Console console = System.console();
    char[] typed = console == null ? null : console.readPassword("Password of %s: ", account);
    if (typed == null) {
      ERR.println("No password: set the environment variable CHAT_PASSWORD.");
      System.exit(WRONG_USE);
    }
    return typed;
  }

  /** Stays in the room until the input ends; returns the exit code. */
  private static int chat(String broker, String account, String room, char[] password) throws IOException {
    try {
      ChatClient chat = new ChatClient(broker, account, room);
      chat.enter(password);
      ERR.println("In room " + room + " as " + account + ". Type a line to say it; end of input (Ctrl-D) leaves.");
      boolean allSaid = chat.sayEachLine(new BufferedReader(new InputStreamReader(System.in, TERMINAL)));
      chat.leave();
      return allSaid ? 0 : FAILED;
    } catch (MqttSecurityException refused) {
      ERR.printf(
          "The broker at %s does not let %s in: wrong account or password, or no permission (%s).%n",
          broker, account, refused.getMessage());
    } catch (MqttException failure) {
      ERR.println("No connection to " + broker + ": " + reason(failure));
    } catch (IllegalArgumentException badUrl) {
      ERR.println("Not a broker URL: " + broker + " (for example " + DEFAULT_BROKER + ")");
    }
    return FAILED;
  }

  private void enter(char[] password) throws MqttException {
    MqttConnectOptions options = new MqttConnectOptions();
    options.setUserName(account);
    options.setPassword(password);
    options.setCleanSession(false);
    options.setAutomaticReconnect(true);
    client.connect(options);
    client.subscribe(topic, QOS);
  }

  /** Returns whether the broker confirmed every line. */
  private boolean sayEachLine(BufferedReader input) throws IOException {
    boolean allSaid = true;
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      if (!line.isBlank()) allSaid &= say(line);
    }
    return allSaid;
  }

  private boolean say(String text) {
    ChatMessage message =
        new ChatMessage("text", session + "-" + ++sent, account, text, Instant.now().toString());
    try {
      // Returns only after the broker's PUBACK.
      client.publish(topic, GSON.toJson(message).getBytes(StandardCharsets.UTF_8), QOS, false);
      return true;
    } catch (MqttException failure) {
      ERR.println("Not confirmed, say it again: " + reason(failure));
      return false;
    }
  }

  private void leave() throws MqttException {
    if (client.isConnected()) client.disconnect();
    // The reconnect timer would keep trying, and its thread keep the process alive.
    client.close(true);
  }

  @Override
  public void messageArrived(String from, MqttMessage arrived) {
    try {
      ChatMessage message = GSON.fromJson(new String(arrived.getPayload(), StandardCharsets.UTF_8), ChatMessage.class);
      if (message == null || message.text() == null) return;
      if (message.id() != null && message.id().startsWith(session)) return;
      OUT.println(printable(message.from() + ": " + message.text()));
    } catch (JsonParseException notAChatMessage) {
      ERR.println("(a message that is not a chat message)");
    }
  }

  @Override
  public void connectComplete(boolean again, String broker) {
    if (again) ERR.println("(connected again)");
  }

  @Override
  public void connectionLost(Throwable cause) {
    ERR.println("(connection lost, trying again: " + cause.getMessage() + ")");
  }

  @Override
  public void deliveryComplete(IMqttDeliveryToken token) {}

  private static String reason(MqttException failure) {
    Throwable cause = failure.getCause();
    return cause == null ? failure.getMessage() : failure.getMessage() + " (" + cause.getMessage() + ")";
  }

  /** Other people's text must not move the cursor or change the title of this terminal. */
  private static String printable(String text) {
    return text.replaceAll("\\p{Cntrl}", "\uFFFD");
  }
}
