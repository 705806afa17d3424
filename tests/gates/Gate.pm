# SPDX-License-Identifier: MIT
# What the gates written in Perl share: the files, their text without comments and strings, reports.
package Gate;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(c_files slurp code_of report finish);

my $found = 0;

sub c_files {
    my ($root) = @_;
    my ($here) = $0 =~ m{^(.*)/} or die "started without a path\n";
    open my $list, '-|', "$here/files", 'c', $root or die "cannot list files: $!\n";
    chomp(my @files = <$list>);
    return @files;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "cannot read '$path': $!\n";
    local $/;
    return scalar <$file>;
}

# The lines of C text with comments, strings and character constants blanked: line numbers stay.
sub code_of {
    my ($text) = @_;
    $text =~ s{(/\*.*?\*/|//[^\n]*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}{
        my $newlines = join '', ($1 // $2) =~ /\n/g;
        defined $1 ? " $newlines" : '""'
    }gse;
    return split /\n/, $text, -1;
}

sub report {
    my ($file, $line, $rule) = @_;
    print "$file:$line: $rule\n";
    $found++;
    return;
}

sub finish { exit($found ? 1 : 0) }

1;
