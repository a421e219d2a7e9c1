//! Networks, members and memberships.

use hansa_proto::pb::feed::v1::EventKind;

use super::{Admission, Command, Member, Model, Network, Refusal, Rules, Standing, Told, refused};

type Done = Result<Vec<Told>, Refusal>;

impl Model {
    pub(super) fn ask_registry(&mut self, command: &Command) -> Done {
        use Standing::{Active, Applied, Ended, Invited, Suspended};
        match command {
            Command::CreateNetwork { network, admission, themes } => {
                self.create_network(network, *admission, themes)
            }
            Command::SetThemes { network, themes } => self.set_themes(network, themes),
            Command::EndNetwork { network } => self.end_network(network),
            Command::CreateMember { member, country } => self.create_member(member, country),
            Command::RetireMember { member } => self.retire_member(member),
            Command::Join { network, member } => self.join(network, member),
            Command::JoinAll { network, members } => {
                let joins = members.iter().map(|member| self.join(network, member));
                let told: Result<Vec<Vec<Told>>, Refusal> = joins.collect();
                Ok(told?.into_iter().flatten().collect())
            }
            Command::Invite { network, member } => self.invite(network, member),
            Command::Approve { network, member } => {
                let rule = (&[Applied][..], "NOT_APPLIED");
                self.step(network, member, rule, Active, EventKind::Joined)
            }
            Command::Reject { network, member } => {
                let rule = (&[Applied][..], "NOT_APPLIED");
                self.step(network, member, rule, Ended, EventKind::Rejected)
            }
            Command::Suspend { network, member } => {
                let rule = (&[Active][..], "NOT_ACTIVE");
                self.step(network, member, rule, Suspended, EventKind::Suspended)
            }
            Command::Reinstate { network, member } => {
                let rule = (&[Suspended][..], "NOT_SUSPENDED");
                self.step(network, member, rule, Active, EventKind::Reinstated)
            }
            Command::Leave { network, member } => {
                let rule = (&[Applied, Invited, Active, Suspended][..], "MEMBERSHIP_ENDED");
                self.step(network, member, rule, Ended, EventKind::Left)
            }
            _ => unreachable!("the feed is asked that"),
        }
    }

    fn create_network(&mut self, id: &str, admission: Admission, themes: &[String]) -> Done {
        if self.networks.contains_key(id) {
            return Err(refused("ALREADY_EXISTS"));
        }
        let network = Network { admission, themes: themes.to_vec(), ended: false };
        self.networks.insert(id.to_owned(), network);
        Ok(vec![self.of_network(EventKind::NetworkFounded, id)])
    }

    fn set_themes(&mut self, id: &str, themes: &[String]) -> Done {
        let network = self.networks.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        if network.themes == themes {
            return Ok(Vec::new());
        }
        network.themes = themes.to_vec();
        Ok(vec![self.of_network(EventKind::NetworkUpdated, id)])
    }

    /// Its open memberships end first, then it, then the campaigns it runs.
    fn end_network(&mut self, id: &str) -> Done {
        let network = self.networks.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(network.ended, "NETWORK_ENDED");
        rules.finish()?;
        network.ended = true;
        let mut told = self.end_memberships(|(network, _)| network == id);
        told.push(self.of_network(EventKind::NetworkEnded, id));
        told.extend(self.end_campaigns_of(id));
        Ok(told)
    }

    fn create_member(&mut self, id: &str, country: &str) -> Done {
        if self.members.contains_key(id) {
            return Err(refused("ALREADY_EXISTS"));
        }
        self.members.insert(id.to_owned(), Member { country: country.to_owned(), retired: false });
        Ok(vec![self.of_member(EventKind::MemberRecorded, id)])
    }

    fn retire_member(&mut self, id: &str) -> Done {
        let member = self.members.get_mut(id).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(member.retired, "MEMBER_RETIRED");
        rules.finish()?;
        member.retired = true;
        let mut told = self.end_memberships(|(_, member)| member == id);
        told.push(self.of_member(EventKind::MemberRetired, id));
        Ok(told)
    }

    fn end_memberships(&mut self, concerned: impl Fn(&(String, String)) -> bool) -> Vec<Told> {
        let open = self.memberships.iter().filter(|(_, standing)| **standing != Standing::Ended);
        let open: Vec<(String, String)> =
            open.map(|(pair, _)| pair.clone()).filter(|pair| concerned(pair)).collect();
        for pair in &open {
            self.memberships.insert(pair.clone(), Standing::Ended);
        }
        open.iter()
            .map(|(network, member)| self.of_pair(EventKind::Left, network, member))
            .collect()
    }

    fn join(&mut self, network: &str, member: &str) -> Done {
        let admission = self.networks.get(network).ok_or(refused("NOT_FOUND"))?.admission;
        let mut rules = self.lives(network, member)?;
        let pair = (network.to_owned(), member.to_owned());
        let present = self.memberships.get(&pair).copied();
        let outside = matches!(present, None | Some(Standing::Ended));
        let invited = present == Some(Standing::Invited);
        rules.against(!outside && !invited, "ALREADY_A_MEMBER");
        rules.against(admission == Admission::Invitation && outside, "NOT_INVITED");
        rules.finish()?;
        let (standing, kind) = match admission == Admission::Approval && !invited {
            true => (Standing::Applied, EventKind::Applied),
            false => (Standing::Active, EventKind::Joined),
        };
        self.memberships.insert(pair, standing);
        Ok(vec![self.of_pair(kind, network, member)])
    }

    fn invite(&mut self, network: &str, member: &str) -> Done {
        let mut rules = self.lives(network, member)?;
        let pair = (network.to_owned(), member.to_owned());
        let present = self.memberships.get(&pair).copied();
        let outside = matches!(present, None | Some(Standing::Ended));
        rules.against(!outside, "ALREADY_A_MEMBER");
        rules.finish()?;
        self.memberships.insert(pair, Standing::Invited);
        Ok(vec![self.of_pair(EventKind::Invited, network, member)])
    }

    /// Both must exist; that one has ended or is retired is a rule among others.
    fn lives(&self, network: &str, member: &str) -> Result<Rules, Refusal> {
        let network = self.networks.get(network).ok_or(refused("NOT_FOUND"))?;
        let member = self.members.get(member).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(network.ended, "NETWORK_ENDED");
        rules.against(member.retired, "MEMBER_RETIRED");
        Ok(rules)
    }

    /// One step in the life of a term, from one of some standings to another.
    fn step(
        &mut self,
        network: &str,
        member: &str,
        (from, rule): (&[Standing], &'static str),
        to: Standing,
        kind: EventKind,
    ) -> Done {
        let pair = (network.to_owned(), member.to_owned());
        let standing = self.memberships.get_mut(&pair).ok_or(refused("NOT_FOUND"))?;
        let mut rules = Rules::default();
        rules.against(!from.contains(standing), rule);
        rules.finish()?;
        *standing = to;
        Ok(vec![self.of_pair(kind, network, member)])
    }

    fn of_network(&self, kind: EventKind, id: &str) -> Told {
        let themes = self.themes(id);
        let (members, countries, campaign) = Default::default();
        Told { kind, network: id.to_owned(), members, countries, themes, campaign }
    }

    fn of_member(&self, kind: EventKind, id: &str) -> Told {
        let members = vec![id.to_owned()];
        let (network, themes, campaign) = Default::default();
        Told { kind, network, countries: self.countries(&members), members, themes, campaign }
    }

    fn of_pair(&self, kind: EventKind, network: &str, member: &str) -> Told {
        let members = vec![member.to_owned()];
        Told {
            kind,
            network: network.to_owned(),
            countries: self.countries(&members),
            members,
            themes: self.themes(network),
            campaign: String::new(),
        }
    }
}
