package bridge.broker;

import java.security.Principal;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.activemq.command.ActiveMQDestination;
import org.apache.activemq.filter.DestinationMapEntry;
import org.apache.activemq.jaas.GroupPrincipal;
import org.apache.activemq.jaas.UserPrincipal;
import org.apache.activemq.security.AuthorizationEntry;
import org.apache.activemq.security.XBeanAuthorizationMap;

/**
 * ActiveMQ's authorization map, with three differences:
 *
 * <ul>
 *   <li>An entry counts for a destination only when it covers all of it. ActiveMQ's own map lets an account with a right to one
 *       destination subscribe to a wildcard that is wider, and a durable subscription to it then gets messages of others: when a
 *       topic appears, ActiveMQ 6.1.8 asks for the rights of who made the topic, not of who subscribed (TopicRegion).
 *   <li>A level <code>{name}</code> in an entry, with a name of your choice, is like <code>*</code>, but who subscribes has to name
 *       the level: no wildcard. So the messages of a room are for whoever knows its ID.
 *   <li><code>{account}</code> as <code>read</code>, <code>write</code> or <code>admin</code> means the account whose name that level
 *       is: no entry for each account is needed.
 * </ul>
 *
 * What no entry covers, nobody may use.
 */
public final class StrictAuthorizationMap extends XBeanAuthorizationMap {
  private static final String ACCOUNT = "{account}";
  private static final Principal WHOEVER_IS_NAMED = new GroupPrincipal(ACCOUNT);

  private List<DestinationMapEntry> rules = List.of();

  @Override
  @SuppressWarnings({"rawtypes", "unchecked"})
  public void setAuthorizationEntries(List entries) {
    super.setAuthorizationEntries(entries);
    rules = List.copyOf((List<DestinationMapEntry>) entries);
  }

  @Override
  public Set<Object> getReadACLs(ActiveMQDestination destination) {
    return allowed(destination, AuthorizationEntry::getReadACLs);
  }

  @Override
  public Set<Object> getWriteACLs(ActiveMQDestination destination) {
    return allowed(destination, AuthorizationEntry::getWriteACLs);
  }

  @Override
  public Set<Object> getAdminACLs(ActiveMQDestination destination) {
    return allowed(destination, AuthorizationEntry::getAdminACLs);
  }

  /** Of a composite destination: who may use each part. */
  private Set<Object> allowed(ActiveMQDestination destination, Function<AuthorizationEntry, Set<?>> right) {
    if (!destination.isComposite()) return allowedOne(destination, right);
    Set<Object> all = null;
    for (ActiveMQDestination part : destination.getCompositeDestinations()) {
      Set<Object> some = allowedOne(part, right);
      if (all == null) all = some;
      else all.retainAll(some);
    }
    return all == null ? Set.of() : all;
  }

  private Set<Object> allowedOne(ActiveMQDestination destination, Function<AuthorizationEntry, Set<?>> right) {
    Set<Object> all = new HashSet<>();
    for (DestinationMapEntry rule : rules) {
      AuthorizationEntry entry = (AuthorizationEntry) rule;
      if (entry.getDestination().getDestinationType() != destination.getDestinationType()) continue;
      String[] pattern = entry.getDestination().getDestinationPaths();
      String[] name = destination.getDestinationPaths();
      if (!covers(pattern, name)) continue;
      int account = List.of(pattern).indexOf(ACCOUNT);
      for (Object who : right.apply(entry)) {
        // Without a level for it, it is a group that nobody is in.
        boolean isNamed = WHOEVER_IS_NAMED.equals(who) && account >= 0;
        all.add(isNamed ? new UserPrincipal(name[account]) : who);
      }
    }
    return all;
  }

  /** Whether every destination that the name, which may have wildcards, stands for is one of the pattern. */
  static boolean covers(String[] pattern, String[] name) {
    for (int level = 0; level < pattern.length; level++) {
      // In ActiveMQ it takes no level at all, too.
      if (pattern[level].equals(">")) return true;
      if (level == name.length || name[level].equals(">")) return false;
      if (pattern[level].equals("*") || pattern[level].equals(name[level])) continue;
      if (!isCapture(pattern[level]) || name[level].equals("*")) return false;
    }
    return pattern.length == name.length;
  }

  private static boolean isCapture(String level) {
    return level.startsWith("{") && level.endsWith("}");
  }
}
