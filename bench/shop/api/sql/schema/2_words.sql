-- What names are made of, and chance that is the same in every run.

-- A number from 0 to n - 1, settled by a row's number and by what it is for.
CREATE FUNCTION pick(row_number bigint, what_for bigint, n integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((hashint8extended(row_number, what_for) & 2147483647) % n)::integer
$$;

-- The same, but small numbers come far more often: few products make most of the sales.
CREATE FUNCTION pick_popular(row_number bigint, what_for bigint, n integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (n * power((hashint8extended(row_number, what_for) & 2147483647) / 2147483648.0::double precision, 3))::integer % n
$$;

-- One of some words.
CREATE FUNCTION pick_word(row_number bigint, what_for bigint, words text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT words[1 + pick(row_number, what_for, cardinality(words))]
$$;

CREATE TABLE words (kind text PRIMARY KEY, list text[] NOT NULL);

INSERT INTO words VALUES
('brand', '{Norvik,Alderon,Bramble,Calder,Dunmore,Eastfell,Fenwick,Garrick,Halden,Ivarson,Jorvik,Kestrel,Lundby,Marlowe,Nordal,Oakhurst,Penrose,Quillon,Ravensby,Solberg,Thornby,Ulverton,Varga,Westbrook,Yarrow,Zeller,Ashdown,Birkett,Corvin,Drayton,Elmswood,Falkner,Greystone,Holloway,Inverness,Juniper,Kirkwall,Langley,Merrow,Northgate}'),
('quality', '{compact,light,sturdy,classic,modern,folding,portable,slim,heavy,soft,quiet,smart,rugged,elegant,simple,premium,vintage,travel,family,junior,outdoor,winter,summer,everyday,professional,waterproof,adjustable,handmade,recycled,mountain}'),
('material', '{walnut,oak,pine,bamboo,steel,copper,brass,aluminium,titanium,carbon,leather,cotton,wool,linen,canvas,nylon,ceramic,glass,marble,cork,rubber,silicone,bronze,birch,maple,cherry,silver,granite,felt,hemp}'),
('series', '{Aurora,Borealis,Cascade,Delta,Ember,Fjord,Glacier,Harbor,Indigo,Juno,Kodiak,Lagoon,Meridian,Nimbus,Orion,Pioneer,Quest,Ridge,Summit,Tundra}'),
('sentence', '{Made to be used every day and to be repaired when it wears.,A favourite of our customers for many years.,Light enough to carry and strong enough to last.,Comes with a guarantee of ten years.,Looks as good in a small flat as in a large house.,Tested in rain and snow by people who live there.,Easy to clean and pleasant to touch.,Packed without plastic and sent within two days.,Designed with those who sell it and those who mend it.,Fits everything else of the same series.}'),
('title', '{Just right,Would buy again,Not what I hoped for,Better than the last one,A fine gift,Good value,Broke after a month,Does what it should,Larger than it looks,Beautifully made}'),
('country', '{Austria,Belgium,Denmark,Estonia,Finland,France,Germany,Ireland,Italy,Norway,Poland,Portugal,Spain,Sweden}');

-- Departments and what they sell: the name of a category, and what one of its goods is called.
CREATE TABLE departments (id integer PRIMARY KEY, name text NOT NULL, sells text[] NOT NULL);

INSERT INTO departments VALUES
(1, 'Camping', '{tent,stove,sleeping bag,lantern,backpack,hammock,cooler,axe,compass}'),
(2, 'Kitchen', '{kettle,knife,pan,mug,toaster,blender,bowl,oven,grinder}'),
(3, 'Furniture', '{desk,chair,table,shelf,lamp,sofa,bed,cabinet,stool}'),
(4, 'Clothing', '{jacket,shirt,trousers,boots,gloves,hat,scarf,socks,coat}'),
(5, 'Electronics', '{headphones,speaker,camera,keyboard,monitor,router,charger,watch,tablet}'),
(6, 'Sports', '{bicycle,skis,racket,ball,kayak,skates,helmet,dumbbells,surfboard}');
