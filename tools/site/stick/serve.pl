# Serve a folder to this computer alone, and open it in the browser: perl serve.pl FOLDER
use strict;
use warnings;
use IO::Socket::INET;

my $site = shift // 'site';
my %types = (
  # TYPES
);
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE';
$| = 1;

my $server;
for my $port (8000 .. 8019) {
  $server = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1);
  last if $server;
}
die "No port between 8000 and 8019 is free on this computer.\n" unless $server;
my $address = 'http://127.0.0.1:' . $server->sockport . '/';
print "Serving the book on $address  (Ctrl+C stops it)\n";
my $browser = $ENV{BROWSER} // ($^O eq 'darwin' ? 'open' : 'xdg-open');
system("$browser $address >/dev/null 2>&1 &");

while (1) {
  my $client = $server->accept or next;
  if (fork) { close $client; next }
  answer($client);
  exit;
}

sub answer {
  my ($client) = @_;
  my ($method, $asked) = split ' ', scalar <$client> // '';
  while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
  return unless defined $asked;
  $asked =~ s/[?#].*//s;
  $asked =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
  my $path = $site . $asked;
  $path =~ s{/*$}{/index.html} if -d $path;
  my $status = '200 OK';
  if ($asked =~ m{(^|/)\.\.(/|$)} || !-f $path) {
    ($status, $path) = ('404 Not Found', "$site/404.html");
  }
  open my $file, '<:raw', $path or return;
  my ($suffix) = $path =~ /(\.[^.\/]+)$/;
  my $type = $types{lc($suffix // '')} // 'application/octet-stream';
  print $client "HTTP/1.1 $status\r\nContent-Type: $type\r\nContent-Length: ", -s $file,
    "\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n";
  return if $method eq 'HEAD';
  while (read $file, my $part, 65536) { print $client $part }
}
